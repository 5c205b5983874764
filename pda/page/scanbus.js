/* One stream of scans out of two channels: key events of a wedge, and text an input method injects
   into an invisible field. Real scanners use either; some fire both, so one arbiter drops the same
   code from the other channel. A burst that lands in a visible field is taken out of it again. */
(function () {
  'use strict';
  var GAP = 100, FAST = 35, TWIN = 300, LEAST = 3;
  var listeners = [];
  var last = { code: '', channel: '', at: 0 };

  function emit(code, channel) {
    var now = Date.now();
    code = code.replace(/[\r\n\t]+$/, '');
    if (code.length < LEAST) return;
    if (code === last.code && channel !== last.channel && now - last.at < TWIN) return;
    last = { code: code, channel: channel, at: now };
    listeners.forEach(function (hear) { hear(code, channel); });
  }

  /* -- keys -- */
  var burst = '', began = 0, latest = 0, field = null, before = '', timer = 0;

  function isField(node) {
    return node && node.id !== 'catch' && (node.tagName === 'INPUT' || node.tagName === 'SELECT');
  }

  function finish(event) {
    clearTimeout(timer);
    var code = burst, spent = latest - began, inField = field;
    burst = '';
    field = null;
    if (code.length < LEAST) return;
    var fast = spent / Math.max(1, code.length - 1) <= FAST;
    if (inField && !(fast && code.length >= 6)) return; /* somebody types */
    if (!event && !(fast && code.length >= 4)) return;  /* no Enter: only a clear burst counts */
    if (inField) {
      inField.value = before;
      inField.dispatchEvent(new Event('input', { bubbles: true }));
    }
    if (event) event.preventDefault();
    emit(code, 'keys');
  }

  document.addEventListener('keydown', function (event) {
    var now = Date.now();
    if (event.key === 'Enter' || event.key === 'Tab') { if (burst) finish(event); return; }
    if (event.ctrlKey || event.metaKey || !event.key || event.key.length !== 1) return;
    if (now - latest > GAP) burst = ''; /* altKey stays: some guns set it on every key */
    if (!burst) {
      began = now;
      field = isField(event.target) ? event.target : null;
      before = field ? field.value : '';
    }
    burst += event.key;
    latest = now;
    clearTimeout(timer);
    timer = setTimeout(finish, GAP);
  }, true);

  /* -- text injected by an input method -- */
  var idle = 0;

  function watch(node) {
    function take() {
      clearTimeout(idle);
      var code = node.value;
      node.value = '';
      if (code) emit(code, 'text');
    }
    node.addEventListener('input', function () {
      clearTimeout(idle);
      if (/[\r\n\t]$/.test(node.value)) take(); else idle = setTimeout(take, 80);
    });
    node.addEventListener('blur', function () { setTimeout(focus, 300); });
    function focus() { if (!isField(document.activeElement)) node.focus({ preventScroll: true }); }
    focus();
    document.addEventListener('click', function () { setTimeout(focus, 50); });
  }

  window.__pdaScan = function (code) { emit(String(code), 'shell'); }; /* for wrappers with intents */
  window.ScanBus = { hear: function (listener) { listeners.push(listener); }, watch: watch };
}());
