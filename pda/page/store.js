/* What survives a dead battery: device, session, unsent operations, the screen and its form.
   Everything is JSON in localStorage, written before it is sent. Photos are never kept here. */
(function () {
  'use strict';
  var KEY = 'jieli.pda.';

  function load(name, fallback) {
    try {
      var text = localStorage.getItem(KEY + name);
      return text === null ? fallback : JSON.parse(text);
    } catch (problem) { return fallback; }
  }

  function save(name, value) {
    try { localStorage.setItem(KEY + name, JSON.stringify(value)); return true; }
    catch (problem) { return false; } /* full or forbidden: the caller says so */
  }

  /* The millisecond, then 80 random bits: ids of one day lie together in the server's index.
     Works without TLS, where crypto.randomUUID does not exist. */
  function newId() {
    var bytes = crypto.getRandomValues(new Uint8Array(10));
    var text = ('00000000000' + Date.now().toString(16)).slice(-12);
    for (var i = 0; i < 10; i += 1) text += (bytes[i] + 256).toString(16).slice(1);
    return 'p-' + text;
  }

  /* The queue: {op, by, at, frame?, tries}. `op` is what the hands did; `frame` is what was sent,
     frozen at the first sending, so a repeat is byte for byte the same operation. */
  var queue = load('queue', []);
  var stuck = load('stuck', []);

  function keep() { return save('queue', queue) && save('stuck', stuck); }

  window.Store = {
    load: load,
    save: save,
    newId: newId,
    queue: queue,
    stuck: stuck,
    keep: keep,
    add: function (op, by) {
      queue.push({ op: op, by: by, at: new Date().toISOString(), frame: null, tries: 0 });
      return keep();
    },
    done: function (id) {
      for (var i = 0; i < queue.length; i += 1) {
        if (queue[i].frame && queue[i].frame.id === id) { queue.splice(i, 1); keep(); return true; }
      }
      return false;
    },
    setAside: function (entry) {
      queue.splice(queue.indexOf(entry), 1);
      stuck.push(entry);
      keep();
    }
  };
}());
