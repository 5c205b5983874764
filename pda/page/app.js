/* The page: one screen, one scan stream, one queue. The server says what comes next. */
(function () {
  'use strict';
  var h = Parts.h;
  var FLOWS = { receive: '开始收货', putaway: '去上架', count: '开始盘点', recount: '开始复盘' };
  var FORMS = ['receive/line', 'putaway/bin', 'transfer/item']; /* scans there carry the form */
  var draft = Store.load('draft', {});
  var view = draft.view || null, form = draft.form || {}, message = null, badge = '';
  var opened = '', lastCode = '';

  function keep() { Store.save('draft', { view: view, form: form }); }
  function $(id) { return document.getElementById(id); }
  function say(text) { message = { level: 'error', text: text, code: '' }; Parts.sound('error'); draw(); }

  function post(op) {
    if (!Wire.post(op)) { say('这台枪的存储满了，这一枪没有记下。先联网等上传完，再接着扫。'); return; }
    if (!Wire.online) {
      message = { level: 'info', text: '已记录（本机），等联网入账。', code: '' };
      draw();
    }
  }

  var go = {
    say: say,
    local: '',
    set: function (key, value, redraw) { form[key] = value; keep(); if (redraw) draw(); },
    tap: function (action, inputs) {
      var typed = action === 'confirm' || action === 'later' ? form : {};
      post({ t: 'submit', action: action, inputs: Object.assign({}, typed, inputs) });
    },
    bar: function () {
      var bar = $('bar');
      [].slice.call(arguments).forEach(function (each, index) {
        if (!each) return;
        bar.appendChild(h('button', { class: index ? '' : 'main', disabled: busy(),
          onclick: function () { go.tap(each[1], {}); } }, each[0]));
      });
      return null;
    },
    again: function (flow) { post({ t: 'scan', code: lastCode, flow: flow, state: '', context: {} }); }
  };

  function busy() { return Store.queue.some(function (entry) { return entry.op.t !== 'scan' && entry.sent; }); }

  Wire.view = function () {
    if (!view) return { flow: 'lookup', state: '', context: {} };
    return { flow: view.flow, state: view.next_state, context: view.context };
  };

  /* The typed form belongs to one thing on one screen. */
  function subject(shown) {
    var known = shown.context;
    return [shown.flow, shown.next_state, known.line_id || known.receipt_line_id || known.item_id].join();
  }

  Wire.onreply = function (frame) {
    if (isTyping()) document.activeElement.blur();
    message = frame.message;
    Parts.sound(frame.sound);
    if (frame.data && frame.flow) {
      if (!view || subject(view) !== subject(frame)) form = {};
      else if (view.context.quantity !== frame.context.quantity) form.quantity = ''; /* scanned on */
      view = frame;
      window.scrollTo(0, 0);
    }
    keep();
    draw();
  };
  Wire.onerror = function (frame) { message = frame.message; Parts.sound('error'); draw(); };
  Wire.onchange = draw;

  ScanBus.hear(function (code) {
    message = null;
    if (!Store.load('device', null)) { Wire.enrol(code); return; }
    if (!Wire.isSignedIn()) { badge = code; Parts.sound('ok'); draw(); return; }
    if (code.indexOf('JLT:') === 0) { showTask(code.slice(4)); return; }
    lastCode = code;
    Parts.sound(Wire.online ? '' : 'ok');
    var takesForm = view && FORMS.indexOf(view.flow + '/' + view.next_state) >= 0;
    post({ t: 'scan', code: code, inputs: takesForm ? form : {} });
  });

  /* A code from a chat card: that task, ready to be worked on. */
  function showTask(id) {
    var task = Wire.inbox[id];
    if (!task) { say('这件事不在你的待办里：也许已有人处理，或没有派给你。'); return; }
    Parts.sound('ok');
    if (FLOWS[task.kind]) { openFlow(task); return; }
    view = null;
    keep();
    draw();
    document.getElementById('task-' + id).scrollIntoView();
  }

  function openFlow(task) {
    var flow = task.kind === 'recount' ? 'count' : task.kind;
    post({ t: 'submit', flow: flow, state: '', context: {}, action: 'open', inputs: { task_id: task.id } });
  }

  /* -- screens of the page itself -- */
  function enrolScreen() {
    var code = '';
    return [h('h1', {}, '登记这台扫码枪'), h('p', { class: 'dim' }, '请主管在桌面「设备」里生成登记码，扫它，或照着输入。'),
      Parts.input('登记码', '', function (v) { code = v; }),
      h('button', { class: 'main', onclick: function () { Wire.enrol(code); } }, '登记'), secure()];
  }

  function signInScreen() {
    var pin = '', mine = Wire.person && Store.queue.length;
    var left = mine ? Wire.person.name + ' 还有 ' + mine + ' 条没上传，登录后自动补传。' : '';
    return [h('h1', {}, '登录'), h('p', {}, left),
      Parts.input('扫工牌', badge, function (v) { badge = v; }),
      Parts.input('PIN', '', function (v) { pin = v; }, { type: 'password', inputmode: 'numeric' }),
      h('button', { class: 'main', disabled: !Wire.online,
        onclick: function () { Wire.signIn(badge, pin); } }, '开始作业'), secure()];
  }

  function secure() {
    return window.isSecureContext ? null : h('p', { class: 'dim' }, '未加密（http）：断网后不能重新打开本页，请勿关闭。');
  }

  function taskCard(task) {
    var acts = [];
    if (FLOWS[task.kind]) {
      acts.push(h('button', { class: 'main', onclick: function () { openFlow(task); } }, FLOWS[task.kind]));
    }
    task.buttons.forEach(function (button) {
      var key = task.id + button.key;
      acts.push(h('button', { class: button.style === 'danger' ? 'danger' : '', disabled: busy(), onclick: function () {
        if (button.inputs.length && opened !== key) { opened = key; form = {}; draw(); return; }
        var inputs = button.inputs.length ? form : {};
        post({ t: 'act', task_id: task.id, generation: task.generation, action: button.key, inputs: inputs });
        opened = '';
      } }, opened === key ? '确认：' + button.label : button.label));
      if (opened === key) acts.push(h('div', { class: 'box' }, [].concat.apply([], button.inputs.map(fieldOf))));
    });
    return h('div', { class: 'box', id: 'task-' + task.id }, h('h2', {}, task.title), h('div', { class: 'dim' }, task.due_text || ''),
      task.facts.map(function (fact) { return h('div', {}, fact[0] + '：' + fact[1]); }), acts);
  }

  function fieldOf(field) {
    function set(value) { go.set(field.key, value, field.kind === 'choice' || field.kind === 'photo'); }
    var name = field.label + (field.required ? '（必填）' : '');
    if (field.kind === 'choice') {
      return [Parts.choice(name, field.options, form[field.key], set),
        field.free ? Parts.input('或自己写', form[field.key], function (v) { go.set(field.key, v); }) : null];
    }
    if (field.kind === 'photo') return Parts.photos([], function (ids) { set(ids[0]); }, say);
    return (field.kind === 'quantity' ? Parts.number : Parts.input)(name, form[field.key], set);
  }

  function homeScreen() {
    var tasks = Object.keys(Wire.inbox).map(function (id) { return Wire.inbox[id]; });
    tasks.sort(function (a, b) { return (a.due_at || '9') < (b.due_at || '9') ? -1 : 1; });
    var empty = '没有任务。采购单到货、质检、上架、盘点会自动出现在这里。';
    return [h('h1', {}, '扫任意码开始'),
      tasks.length ? tasks.map(taskCard) : h('p', { class: 'dim' }, empty)];
  }

  function home() {
    view = message = null;
    form = {};
    keep();
    draw();
  }

  function strip() {
    var count = Store.queue.length, bar = $('strip');
    bar.className = Wire.online ? '' : 'off';
    var first = count ? ' · ' + count + ' 条待上传（最早 ' + new Date(Store.queue[0].at).toTimeString().slice(0, 5) + '）' : '';
    var aside = Store.stuck.length ? ' · ' + Store.stuck.length + ' 条系统处理不了，找主管' : '';
    var who = (Wire.person ? ' · ' + Wire.person.name : '') + (Wire.device ? ' · ' + Wire.device.name : '');
    bar.textContent = (Wire.online ? '在线' : '离线') + first + aside + who;
  }

  function band() {
    var node = $('band'), words = { ok: '✓ 好', info: 'i', warn: '! 注意', ask: '? 请定', error: '✕ 没入账' };
    node.hidden = !message;
    if (!message) return;
    node.className = message.level;
    node.textContent = '';
    node.appendChild(h('span', {}, h('b', {}, words[message.level] || ''), message.text, ' ',
      h('small', {}, message.code)));
  }

  /* The screen never changes under typing fingers. */
  function isTyping() {
    var node = document.activeElement;
    return !!node && node.id !== 'catch' && /^(text|password)$/.test(node.type || '');
  }

  function draw() {
    if (isTyping()) { strip(); band(); return; }
    var screen = $('screen'), shown;
    screen.textContent = '';
    $('bar').textContent = '';
    if (!Store.load('device', null)) shown = enrolScreen();
    else if (!Wire.isSignedIn()) shown = signInScreen();
    else if (!view || view.next_state === 'start' || !view.data) shown = homeScreen();
    else {
      var make = view.next_state === 'choose_label' ? Screens.label : Screens[view.flow + '/' + view.next_state];
      shown = make ? make(view.data, form, go) : homeScreen();
      $('bar').appendChild(h('button', { onclick: home }, '任务箱'));
    }
    shown.forEach(function add(each) {
      if (Array.isArray(each)) each.forEach(add); else if (each) screen.appendChild(each);
    });
    screen.parentNode.insertBefore($('band'), screen);
    strip();
    band();
  }

  ScanBus.watch($('catch'));
  var link = /#enrol=(.+)$/.exec(location.hash);
  if (link) { history.replaceState(null, '', location.pathname); Wire.code = link[1]; }
  if (Store.load('device', null) || Wire.code) Wire.start();
  draw();
}());
