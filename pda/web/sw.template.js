/* The offline shell: the built files, nothing else. Data is IndexedDB's, talk is the socket's.
   NAME and FILES are filled in by sw-plugin.ts. A new version waits until the page says so. */
'use strict';
var NAME = __NAME__;
var FILES = __FILES__;

self.addEventListener('install', function (event) {
  event.waitUntil(caches.open(NAME).then(function (cache) { return cache.addAll(FILES); }));
});
self.addEventListener('activate', function (event) {
  event.waitUntil(caches.keys().then(function (names) {
    return Promise.all(names.filter(function (name) {
      return name.indexOf('pda-') === 0 && name !== NAME;
    }).map(function (name) { return caches.delete(name); }));
  }).then(function () { return self.clients.claim(); }));
});
self.addEventListener('message', function (event) {
  if (event.data === 'take-over') self.skipWaiting();
});
self.addEventListener('fetch', function (event) {
  var url = new URL(event.request.url), base = new URL(self.registration.scope).pathname;
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  if (url.pathname.indexOf(base) !== 0) return; /* /api and /ws are never ours */
  if (event.request.mode === 'navigate') {
    event.respondWith(caches.open(NAME).then(function (cache) {
      return cache.match(new URL('index.html', self.registration.scope).href);
    }).then(function (found) { return found || fetch(event.request); }));
    return;
  }
  event.respondWith(caches.match(event.request).then(function (found) {
    return found || fetch(event.request).then(function (answer) {
      if (answer.ok && url.pathname.indexOf(base + 'assets/') === 0) {
        var copy = answer.clone(); /* the camera's reader: kept after its first use */
        caches.open(NAME).then(function (cache) { cache.put(event.request, copy); });
      }
      return answer;
    });
  }));
});
