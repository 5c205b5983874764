/* The socket: hello in the first frame, resume from (epoch, cursor), gap-free events, heartbeat,
   and the queue of operations that are sent again with the same ids until they are answered. */
(function () {
  'use strict';
  var SILENCE = 60000, MOST_TRIES = 6;
  /* Answers that mean "not now": the operation stays in the queue. */
  var LATER = { busy: 1, needs_sign_in: 1, signed_out: 1, other_person: 1 };
  var socket = null, heard = 0, wait = 500, ready = false, beat = 0, retry = 0;

  var Wire = window.Wire = {
    online: false,
    device: null,
    person: Store.load('person', null),
    epoch: null,
    cursor: null,
    inbox: {},
    skew: 0,
    onchange: function () {},
    onreply: function () {},
    onerror: function () {},
    view: null /* the screen a scan belongs to: a function, set by app.js */
  };

  function send(frame) {
    if (socket && socket.readyState === 1) socket.send(JSON.stringify(frame));
  }

  function open() {
    clearTimeout(retry);
    var token = Store.load('device', null);
    var place = location.protocol === 'https:' ? 'wss://' : 'ws://';
    socket = new WebSocket(place + location.host + '/ws/pda');
    socket.onopen = function () {
      heard = Date.now();
      if (token) {
        send({ t: 'hello', v: 1, device_token: token, session: Store.load('session', null),
          epoch: Wire.epoch, cursor: Wire.cursor, client: navigator.userAgent.slice(0, 110) });
      } else if (Wire.code) {
        send({ t: 'enrol', v: 1, code: Wire.code });
        Wire.code = null;
      } else socket.close();
    };
    socket.onmessage = function (event) { heard = Date.now(); take(JSON.parse(event.data)); };
    socket.onclose = function (event) {
      ready = false;
      Wire.online = false;
      if (event.code === 4001) { Store.save('device', null); Store.save('session', null); }
      Wire.onchange();
      wait = Math.min(wait * 2, 8000);
      if (Store.load('device', null)) retry = setTimeout(open, wait * (0.5 + Math.random() / 2));
    };
  }

  function take(frame) {
    switch (frame.t) {
      case 'enrolled': Store.save('device', frame.device_token); break;
      case 'welcome':
        Wire.online = true;
        wait = 500;
        Wire.device = frame.device;
        Wire.skew = Date.parse(frame.now) - Date.now();
        if (!frame.person) Store.save('session', null);
        break;
      case 'signed_in':
        Store.save('session', frame.session);
        Wire.cursor = null; /* what the person before was told is nothing to resume from */
        setPerson(frame.person);
        break;
      case 'signed_out':
        ready = false;
        Store.save('session', null);
        if (frame.message) Wire.onerror(frame);
        break;
      case 'inbox':
        if (frame.part === 1) { Wire.inbox = {}; Wire.cursor = null; }
        frame.tasks.forEach(function (task) { Wire.inbox[task.id] = task; });
        if (frame.part === frame.parts) caughtUp(frame);
        break;
      case 'resumed': caughtUp(frame); break;
      case 'event':
        if (frame.after !== Wire.cursor) { Wire.cursor = null; socket.close(); return; }
        Wire.cursor = frame.seq;
        apply(frame.task);
        send({ t: 'ack', seq: frame.seq });
        break;
      case 'pong': if (frame.seq > Wire.cursor) { Wire.cursor = null; socket.close(); } return;
      case 'reply': answered(frame); break;
      case 'error': Wire.onerror(frame); break;
    }
    Wire.onchange();
  }

  function setPerson(person) {
    Wire.person = person;
    Store.save('person', person);
  }

  function apply(task) {
    var live = ['open', 'claimed', 'snoozed', 'paused'].indexOf(task.state) >= 0;
    if (live && task.people.indexOf(Wire.person.id) >= 0) Wire.inbox[task.id] = task;
    else delete Wire.inbox[task.id];
  }

  function caughtUp(frame) {
    Wire.epoch = frame.epoch;
    Wire.cursor = frame.seq;
    ready = true;
    Store.queue.forEach(function (entry) { entry.sent = false; });
    flush();
  }

  /* Build what the hands did into a frame: on the screen's own memory if nothing is unanswered,
     else after the scan before it. A tap changes the screen, so whatever follows waits for it. */
  function build(entry, before) {
    if (entry.frame) return true;
    var op = entry.op, frame = { id: Store.newId(), by: entry.by, at: entry.at };
    if (op.t !== 'act' && op.flow === undefined && before && before.op.t !== 'act') {
      if (before.op.t === 'submit') return false;
      frame.after = before.frame.id;
    } else if (op.t !== 'act' && op.flow === undefined) {
      var view = Wire.view();
      frame.flow = view.flow;
      frame.state = view.state;
      frame.context = view.context;
    }
    Object.keys(op).forEach(function (key) { frame[key] = op[key]; });
    entry.frame = frame;
    return true;
  }

  function flush() {
    var mine = Wire.person ? Wire.person.id : 0, before = null;
    Store.queue.slice().some(function (entry) {
      if (entry.by !== mine) return false; /* waits until that person signs in again */
      if (!build(entry, before)) return true;
      before = entry;
      if (!ready || entry.sent) return false;
      entry.tries += 1;
      if (entry.tries > MOST_TRIES) { Store.setAside(entry); before = null; return false; }
      entry.sent = true;
      send(entry.frame);
      return false;
    });
    Store.keep();
  }

  function answered(frame) {
    var code = frame.message.code;
    if (LATER[code]) {
      Store.queue.forEach(function (entry) {
        if (entry.frame && entry.frame.id === frame.id) { entry.sent = false; entry.tries -= 1; }
      });
      if (code === 'busy') setTimeout(flush, 2000);
    } else Store.done(frame.id);
    Wire.onreply(frame);
    flush();
  }

  Wire.start = function () {
    open();
    clearInterval(beat);
    beat = setInterval(function () {
      if (!socket || socket.readyState > 1) return;
      if (Date.now() - heard > SILENCE) socket.close(); else send({ t: 'ping', n: 0 });
    }, 20000);
  };
  Wire.enrol = function (code) {
    Wire.code = code.replace(/^.*#enrol=/, '');
    if (socket && socket.readyState < 2) socket.close();
    open();
  };
  Wire.signIn = function (badge, pin) {
    send({ t: 'sign_in', id: Store.newId(), badge: badge, pin: pin });
  };
  Wire.signOut = function () { send({ t: 'sign_out', id: Store.newId() }); };
  /* Record first, then send. False: the device could not even remember it. */
  Wire.post = function (op) {
    var kept = Store.add(op, Wire.person.id);
    flush();
    Wire.onchange();
    return kept;
  };
  Wire.isSignedIn = function () { return !!Store.load('session', null) && !!Wire.person; };
}());
