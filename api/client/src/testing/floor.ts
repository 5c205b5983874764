// One scanner with its storage and its far server, for tests; it can be switched off and on again.

import type { Task } from '../frames.ts';
import { openDb, type Db } from '../db.ts';
import type { FakeClock } from './clock.ts';
import { FakeServer } from './server.ts';
import { createWire, type Wire, type WireOptions } from '../wire.ts';

export interface Floor { db: Db; server: FakeServer; wire: Wire }

/** A scanner that is enrolled and held by 李四, online. */
export async function floor(clock: FakeClock, more: Partial<WireOptions> = {}): Promise<Floor> {
  const server = new FakeServer(clock);
  const db = await openDb();
  const wire = switchOn(clock, server, db, more);
  await wire.start();
  const enrolled = wire.enrol('https://jieli/pda#enrol=GOOD');
  await clock.run(100);
  await enrolled;
  const held = wire.signIn('BADGE-LI', '4711');
  await clock.run(200);
  await held;
  return { db, server, wire };
}

export function switchOn(
  clock: FakeClock, server: FakeServer, db: Db, more: Partial<WireOptions> = {},
): Wire {
  return createWire({ db, clock, url: 'ws://far/ws/pda', socket: server.connect, random: () => 1,
    client: 'test', locks: undefined, ...more });
}

export function task(id: string, more: Partial<Task> = {}): Task {
  return {
    id, kind: 'receive', title: `收货 ${id}`, subject: 'order:1', group: '', state: 'open',
    generation: 1, version: 1, level: 0, priority: 2, holder: null, people: [5],
    opened_at: '2026-03-02T00:00:00Z', due_at: null, due_text: null, snooze_until: null,
    pause_why: null, lead: '', facts: [], buttons: [], result: null, repeat_count: 0,
    warehouse_id: 1, context: {}, ...more,
  };
}
