/* Says so when the WebView is too old, instead of a blank page. ES5 only: it must run everywhere. */
(function () {
  'use strict';
  var found = /(?:Chrome|CriOS)\/(\d+)/.exec(navigator.userAgent);
  var modern = 'noModule' in document.createElement('script') &&
    typeof Promise === 'function' && typeof Promise.prototype['finally'] === 'function' &&
    typeof Symbol === 'function' && typeof window.indexedDB === 'object';
  function tell() {
    var now = found ? found[1] : '未知 unknown';
    document.body.innerHTML = '';
    var box = document.createElement('div');
    box.id = 'too-old';
    box.style.cssText = 'padding:24px;font:22px/1.5 sans-serif;color:#8a1c00;background:#fff';
    box.appendChild(document.createTextNode('请升级系统 WebView（≥66），当前 ' + now + '。'));
    box.appendChild(document.createElement('br'));
    box.appendChild(document.createTextNode('打开应用商店，更新「Android System WebView」或 Chrome，再打开本页。' +
      '扫过的内容都还在。'));
    box.appendChild(document.createElement('br'));
    box.appendChild(document.createTextNode('Update Android System WebView (66 or later), now ' + now + '.'));
    document.body.appendChild(box);
  }
  if (modern && !(found && Number(found[1]) < 66)) return;
  if (document.body) tell(); else document.addEventListener('DOMContentLoaded', tell);
}());
