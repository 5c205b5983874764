// Only one tab sends the queue: navigator.locks where there is one (TLS), else a row in IndexedDB
// that runs out when its tab dies. Two senders would still be harmless, the ids are the same.

import type { Clock } from './clock.ts';
import { opened, type Db } from './db.ts';

const HOLD_MS = 6_000;
const RENEW_MS = 2_000;

export interface Turn {
  /** Whether this tab may send now. */
  held(): boolean;
  stop(): void;
}

export interface TurnOptions {
  db: Db;
  clock: Clock;
  owner: string;
  /** Called when the turn comes or goes. */
  changed: () => void;
  locks?: LockManager | undefined;
}

export function takeTurns(options: TurnOptions): Turn {
  return options.locks ? byLock(options, options.locks) : byRow(options);
}

function byLock({ changed }: TurnOptions, locks: LockManager): Turn {
  let held = false;
  let stopped = false;
  let release: () => void = () => undefined;
  locks.request('jieli-queue', () => {
    if (stopped) return undefined;
    held = true;
    changed();
    return new Promise<void>((done) => {
      release = done;
    });
  }).catch(() => undefined);
  return {
    held: () => held,
    stop() {
      stopped = true;
      held = false;
      release();
    },
  };
}

function byRow({ db, clock, owner, changed }: TurnOptions): Turn {
  let until = 0;
  let stopped = false;
  let cancel: () => void = () => undefined;
  const held = (): boolean => !stopped && clock.now() < until;

  async function renew(): Promise<void> {
    const before = held();
    const now = clock.now();
    const tx = (await opened(db)).transaction('leases', 'readwrite');
    const row = await tx.store.get('queue');
    // A lease far in the future was written before the device's clock was set back.
    const free = !row || row.owner === owner || row.until <= now || row.until > now + 2 * HOLD_MS;
    if (free && !stopped) await tx.store.put({ name: 'queue', owner, until: now + HOLD_MS });
    await tx.done;
    until = free ? now + HOLD_MS : 0;
    if (held() !== before) changed();
  }
  function again(): void {
    if (stopped) return;
    renew().catch(() => undefined).then(() => {
      if (!stopped) cancel = clock.after(RENEW_MS, again);
    }, () => undefined);
  }
  again();
  return {
    held,
    stop() {
      const mine = held();
      stopped = true;
      cancel();
      if (mine) opened(db).then((it) => it.delete('leases', 'queue')).catch(() => undefined);
    },
  };
}
