// The offline shell and its updates: a new version waits for a person's tap and an empty queue, then
// for the new worker to be in charge, before the page loads again. Without https there is no shell.
import { shallowReactive } from 'vue';
import { live } from './live.ts';

export const shell = shallowReactive<{ ready: boolean; waiting: boolean }>({
  ready: false,
  waiting: false,
});
const HOUR = 3_600_000;
let registration: ServiceWorkerRegistration | undefined;

export function watchUpdates(): void {
  if (!navigator.serviceWorker || !window.isSecureContext) return;
  navigator.serviceWorker.register('sw.js').then(
    (found) => {
      registration = found;
      shell.ready = !!found.active;
      note(found);
      found.addEventListener('updatefound', () => {
        const next = found.installing;
        if (next) next.addEventListener('statechange', () => note(found));
      });
      setInterval(look, HOUR); // kiosks never load again by themselves
    },
    () => undefined,
  );
}

/** Ask for a new version now. */
export function look(): void {
  if (registration) registration.update().catch(() => undefined);
}

function note(found: ServiceWorkerRegistration): void {
  shell.ready = !!found.active;
  shell.waiting = !!found.waiting && !!navigator.serviceWorker.controller;
}

/** Not while something is on its way, unless this page is too old to send it: it lies on the disk,
 * and the new page sends it. */
export function mayUpdate(): boolean {
  const sent = live.queue.waiting === 0 && live.photos.waiting === 0;
  return shell.waiting && (live.stale || sent);
}

export function update(): void {
  const next = registration && registration.waiting;
  if (!next || !mayUpdate()) return;
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), {
    once: true,
  });
  next.postMessage('take-over');
}
