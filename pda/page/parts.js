/* Small parts of every screen: elements, sounds, form fields, photos. Text only, never HTML. */
(function () {
  'use strict';

  function h(tag, attrs) {
    var node = document.createElement(tag);
    Object.keys(attrs || {}).forEach(function (key) {
      var value = attrs[key];
      if (key.slice(0, 2) === 'on') node.addEventListener(key.slice(2), value);
      else if (key === 'class') node.className = value;
      else if (value === true) node.setAttribute(key, '');
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
    });
    for (var i = 2; i < arguments.length; i += 1) {
      [].concat(arguments[i]).forEach(function (child) {
        if (child === null || child === undefined || child === false) return;
        node.appendChild(child.nodeType ? child : document.createTextNode(String(child)));
      });
    }
    return node;
  }

  /* ok: one short high; again: two middle; error: three low and a shake. */
  var audio = null;
  function sound(kind) {
    var plan = { ok: [1, 1320], again: [2, 660], error: [3, 220] }[kind];
    if (!plan) return;
    if (kind === 'error' && navigator.vibrate) navigator.vibrate([200, 80, 200]);
    var Sound = window.AudioContext || window.webkitAudioContext;
    if (!Sound) return;
    audio = audio || new Sound();
    for (var i = 0; i < plan[0]; i += 1) {
      var tone = audio.createOscillator(), level = audio.createGain(), at = audio.currentTime + i * 0.15;
      tone.frequency.value = plan[1];
      level.gain.value = 0.2;
      tone.connect(level);
      level.connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.1);
    }
  }

  function input(label, value, change, attrs) {
    var node = h('input', Object.assign({ type: 'text', autocomplete: 'off' }, attrs,
      { oninput: function () { change(node.value); } }));
    node.value = value || '';
    return h('label', {}, label, node);
  }

  function number(label, value, change) { return input(label, value, change, { inputmode: 'decimal' }); }

  function choice(label, options, value, change) {
    return h('div', {}, h('h2', {}, label), h('div', { class: 'two' }, options.map(function (option) {
      return h('button', { class: value === option[0] ? 'on' : '', onclick: function () { change(option[0]); } },
        (value === option[0] ? '✓ ' : '') + option[1]);
    })));
  }

  /* Photos go up by themselves, at most 1600 px; the form keeps only their ids. */
  function photos(ids, change, say) {
    function take(event) {
      var file = event.target.files[0];
      if (!file) return;
      shrink(file, function (blob) {
        var form = new FormData();
        form.append('file', blob, 'photo.jpg');
        fetch('/api/files', { method: 'POST', body: form, headers: {
          Authorization: 'Bearer ' + Store.load('session', ''), 'Idempotency-Key': Store.newId() } })
          .then(function (answer) { return answer.ok ? answer.json() : Promise.reject(answer.status); })
          .then(function (kept) { change(ids.concat([kept.id])); })
          .catch(function () { say('照片没传上去：网络不通或照片太大。先提交文字，联网后再补照片。'); });
      });
    }
    return h('label', { class: 'file' }, '拍照（已有 ' + ids.length + ' 张）',
      h('input', { type: 'file', accept: 'image/*', capture: 'environment', onchange: take }));
  }

  function shrink(file, done) {
    var picture = new Image();
    picture.onload = function () {
      var scale = Math.min(1, 1600 / Math.max(picture.width, picture.height));
      var canvas = h('canvas', { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
      canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(done, 'image/jpeg', 0.8);
      URL.revokeObjectURL(picture.src);
    };
    picture.src = URL.createObjectURL(file);
  }

  window.Parts = { h: h, sound: sound, input: input, number: number, choice: choice, photos: photos };
}());
