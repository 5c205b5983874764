// A bad day, many times over, from a seed: Wi-Fi that goes silent, cuts, lost answers, dead batteries,
// a second tab, a busy and a breaking server, a colleague. In the end nothing is lost, nothing doubled.
//   VITE_CHAOS_RUNS=500 npm test -w api/client -- chaos
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { expect, test } from 'vitest';
import { openDb } from './db.ts';
import { draftId, stepId } from './ids.ts';
import { refusal, reply } from './testing/ops.ts';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, type Floor } from './testing/floor.ts';
import type { FakeServer } from './testing/server.ts';
import type { Wire } from './wire.ts';

const RUNS = Number((import.meta as { env?: Record<string, string> }).env?.VITE_CHAOS_RUNS ?? 25);
const STEPS = 40;

/** Mulberry32: a small generator with a seed. */
function seeded(seed: number): () => number {
  let at = seed;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class Day {
  clock = new FakeClock();
  it!: Floor;
  tabs: Wire[] = [];
  /** What was recorded for certain: post resolved. */
  kept: string[] = [];
  retired = 0;

  constructor(readonly random: () => number) {}

  pick<T>(of: T[]): T {
    return of[Math.floor(this.random() * of.length)] as T;
  }

  async begin(): Promise<void> {
    globalThis.indexedDB = new IDBFactory();
    sessionStorage.clear();
    this.it = await floor(this.clock);
    this.tabs = [this.it.wire];
  }

  async tab(chain: string): Promise<Wire> {
    sessionStorage.setItem('jieli.chain', chain);
    const wire = switchOn(this.clock, this.it.server, await openDb());
    await wire.start();
    return wire;
  }

  /** The hands do something: a scan, a tap twice, a task's button. */
  async work(): Promise<void> {
    const wire = this.pick(this.tabs);
    const kind = this.random();
    const step = Math.floor(this.random() * 30);
    const id = kind < 0.6 ? draftId(this.clock.now()) : stepId('T', 'confirm', step, 3);
    const posts = kind < 0.6 ? [wire.post({ t: 'scan', id, code: 'A-03-2' })]
      : [wire, this.pick(this.tabs)].map((each) => each.post(kind < 0.8
        ? { t: 'submit', id, flow: 'receive', state: 'line', context: {}, action: 'confirm' }
        : { t: 'act', id, task_id: 'T', generation: step, action: 'confirm' }));
    await Promise.all(posts);
    this.kept.push(id);
  }

  async trouble(): Promise<void> {
    const { server } = this.it;
    const kind = this.random();
    if (kind < 0.15) server.reachable = !server.reachable;
    else if (kind < 0.3) server.silent = !server.silent;
    else if (kind < 0.5) server.cut(this.pick([1001, 1006, 4005]));
    else if (kind < 0.65) server.answer = this.pick<FakeServer['answer']>([
      (frame) => reply(frame.id), () => 'lose' as const,
      (frame) => (this.random() < 0.3 ? refusal(frame.id, 'busy') : reply(frame.id)),
      (frame) => (this.random() < 0.1 ? 'break' as const : reply(frame.id)),
    ]);
    else if (kind < 0.8) await this.batteryDies();
    else if (this.tabs.length < 3) this.tabs.push(await this.tab(`tab-${(this.retired += 1)}`));
  }

  /** A tab is killed in the middle of whatever it does, and opened again. */
  async batteryDies(): Promise<void> {
    const at = Math.floor(this.random() * this.tabs.length);
    const dead = this.tabs[at] as Wire;
    dead.stop();
    this.tabs[at] = await this.tab(`again-${(this.retired += 1)}`);
  }

  async evening(): Promise<void> {
    const { server } = this.it;
    server.reachable = true;
    server.silent = false;
    server.answer = (frame) => reply(frame.id);
    this.tabs.forEach((wire) => wire.connect());
    await this.clock.run(60_000, 500);
  }
}

async function live(seed: number): Promise<Day> {
  const day = new Day(seeded(seed));
  await day.begin();
  for (let step = 0; step < STEPS; step += 1) {
    if (day.random() < 0.6) await day.work();
    else await day.trouble();
    await day.clock.run(Math.floor(day.random() ** 3 * 8_000), 100);
  }
  await day.evening();
  return day;
}

test.each(Array.from({ length: RUNS }, (_, seed) => seed))('bad day %i', async (seed) => {
  const day = await live(seed);
  const { server } = day.it;
  const kept = Array.from(new Set(day.kept));
  const effects = server.effects.map((each) => each.id);
  const left = await day.it.wire.queue.list();
  const aside = left.filter((each) => each.said?.code === 'set_aside').map((each) => each.id);
  day.tabs.forEach((wire) => wire.stop());
  expect(new Set(effects).size, 'doubled').toBe(effects.length);
  expect(kept.filter((id) => !effects.includes(id) && !aside.includes(id)), 'lost').toEqual([]);
  expect(left.filter((each) => each.state === 'waiting'), 'stuck').toEqual([]);
  expect(left.filter((each) => each.state === 'conflict'), 'torn').toEqual([]);
}, 30_000);
