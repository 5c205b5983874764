// What the tabs of one scanner tell each other. Without BroadcastChannel each is on its own, and
// the one that sends the queue looks again at every heartbeat.

import type { Entry } from './entries.ts';
import type { Reply } from './frames.ts';

export type Word =
  | { t: 'queue' } // something was recorded or settled
  | { t: 'identity' } // another device or person
  | { t: 'answered'; reply: Reply; entry: Entry; live: boolean };

export interface Tabs {
  tell(word: Word): void;
  stop(): void;
}

export function openTabs(heard: (word: Word) => void): Tabs {
  if (typeof BroadcastChannel === 'undefined') {
    return { tell: () => undefined, stop: () => undefined };
  }
  const channel = new BroadcastChannel('jieli-scanner');
  channel.onmessage = (event) => heard(event.data as Word);
  return {
    tell: (word) => channel.postMessage(JSON.parse(JSON.stringify(word))),
    stop: () => channel.close(),
  };
}

/** This tab, the same after a reload; a screen belongs to it. */
export function chainOf(fresh: () => string): string {
  try {
    const known = sessionStorage.getItem('jieli.chain');
    if (known) return known;
    const made = fresh();
    sessionStorage.setItem('jieli.chain', made);
    return made;
  } catch {
    return fresh();
  }
}
