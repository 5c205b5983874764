// One tab of the device: the real wire on the device's IndexedDB. It can be closed, or killed: then
// what was being written is not written, timers and channels are gone and nobody says good-bye.

import { openDb, type Db } from '@jieli/client/db';
import { openShelf, type Shelf } from '@jieli/client/shelf';
import { createWire, type Wire } from '@jieli/client/wire';
import { TabClock, type DeviceClock } from './clock.ts';
import { opening } from './globals.ts';
import type { Net } from './net.ts';

/** The battery dies at that write from now: while it is written, or right after. */
export interface Doom { writes: number; torn: boolean; strike: () => void }

export interface Device { name: string; clock: DeviceClock; net: Net }

export class Tab {
  dead = false;
  doom: Doom | null = null;

  private constructor(
    readonly db: Db, readonly wire: Wire, readonly shelf: Shelf, readonly clock: TabClock,
    readonly sockets: Set<WebSocket>, readonly writing: Set<{ abort(): void }>,
    readonly channels: BroadcastChannel[],
  ) {}

  static async open(device: Device, chain: string): Promise<Tab> {
    const clock = new TabClock(device.clock);
    const writing = new Set<{ abort(): void }>();
    const sockets = new Set<WebSocket>();
    const found: { tab?: Tab } = {};
    const db = watched(await openDb(device.name), writing, (done) => found.tab?.wrote(done));
    sessionStorage.setItem('jieli.chain', chain);
    opening.device = device.name;
    opening.channels = [];
    const wire = createWire({
      db, clock, url: 'air', api: device.net.base, fetch: device.net.fetch, locks: undefined,
      client: 'offline day',
      socket: () => {
        const made = device.net.connect();
        sockets.add(made);
        return made;
      },
    });
    await wire.start();
    found.tab = new Tab(db, wire, openShelf(db, clock), clock, sockets, writing, opening.channels);
    return found.tab;
  }

  /** A write began; it is on the disk when `done` resolves. */
  wrote(done: Promise<unknown>): void {
    const { doom } = this;
    if (!doom || (doom.writes -= 1) > 0) return;
    this.doom = null;
    if (doom.torn) setTimeout(doom.strike, 0);
    else void done.then(doom.strike, doom.strike);
  }

  close(): void {
    this.dead = true;
    this.wire.stop();
    setTimeout(() => this.db.close(), 50); // as a page that goes away: what it began is finished
  }

  /** How many transactions were torn. */
  kill(): number {
    if (this.dead) return 0;
    let torn = 0;
    this.dead = true;
    this.clock.alive = false;
    this.sockets.forEach((each) => {
      each.onclose = null;
      each.close();
    });
    this.writing.forEach((each) => {
      try {
        each.abort();
        torn += 1;
      } catch {
        // It had just been written.
      }
    });
    this.channels.forEach((each) => each.close());
    this.db.close();
    return torn;
  }
}

/** The same database, whose open transactions are known. */
function watched(
  db: Db, writing: Set<{ abort(): void }>, wrote: (done: Promise<unknown>) => void,
): Db {
  return new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      if (name !== 'transaction') return value.bind(target) as unknown;
      return (...given: Parameters<Db['transaction']>) => {
        const made = target.transaction(...given);
        writing.add(made);
        const over = (): void => void writing.delete(made);
        made.done.then(over, over);
        wrote(made.done);
        return made;
      };
    },
  });
}
