// Work done without a connection: told as such, once and for good; what the books refuse is a
// supervisor's then, and never sent again.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSettled } from './entries.ts';
import type { SubmitOp } from './frames.ts';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, task, type Floor } from './testing/floor.ts';
import { LINE, refusal, reply, scan, tap } from './testing/ops.ts';
import type { Wire } from './wire.ts';

const FACT = { flow: 'pick', state: '', context: {}, inputs: { line_id: 'l1', quantity: '2' } };
let clock: FakeClock;
let it: Floor;
let extra: Wire[];

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  sessionStorage.clear();
  clock = new FakeClock();
  it = await floor(clock);
  extra = [];
});
afterEach(() => [it.wire, ...extra].forEach((wire) => wire.stop()));

async function goOffline(): Promise<void> {
  it.server.reachable = false;
  it.server.cut();
  await clock.run(50);
}
async function comeBack(): Promise<void> {
  it.server.reachable = true;
  it.wire.connect();
  await clock.run(500);
}
const sent = (): SubmitOp[] => it.server.of('submit');
const flags = (): unknown[] => sent().map((each) => each.late);

test('done offline is late, and stays so in every repeat, byte by byte', async () => {
  await goOffline();
  await it.wire.post(tap('pick', FACT));
  it.server.answer = () => 'lose';
  await comeBack();
  it.server.cut();
  await comeBack();
  expect(flags()).toEqual([true, true]);
  expect(new Set(sent().map((each) => JSON.stringify(each))).size).toBe(1);
});

test('done online is not late, however long its answer takes', async () => {
  it.server.answer = () => 'lose';
  await it.wire.post(tap('pick', FACT));
  await clock.run(100);
  await goOffline();
  await clock.run(120_000, 1_000);
  it.server.answer = (frame) => reply(frame.id);
  await comeBack();
  expect(flags().length).toBeGreaterThan(1);
  expect(new Set(flags())).toEqual(new Set([undefined]));
  expect(new Set(sent().map((each) => JSON.stringify(each))).size).toBe(1);
});

test('recorded while the link seemed good but unsent after 30 s is late', async () => {
  it.server.silent = true;
  await it.wire.queue.add(tap('pick', FACT), { by: 5 }); // a tab that may not send recorded it
  await clock.run(40_000, 1_000);
  it.server.silent = false;
  it.wire.connect();
  await clock.run(12_000, 500);
  expect(flags()).toEqual([true]);
});

test('a tab that dies between recording its sending and sending changes nothing', async () => {
  await goOffline();
  const op = tap('pick', FACT);
  await it.wire.queue.add(op, { by: 5 });
  await it.wire.queue.departing([op.id]); // and the battery is empty
  it.wire.stop();
  await clock.run(60_000, 1_000);
  it.server.reachable = true;
  const again = switchOn(clock, it.server, it.db);
  extra.push(again);
  await again.start();
  await clock.run(8_000, 200);
  expect(flags()).toEqual([undefined]); // it may have been on the wire: not touched
});

test('only taps can be late: a scan or a button of a card asks its person again', async () => {
  await goOffline();
  await it.wire.post(scan('A-03-2', LINE));
  await it.wire.post({ t: 'act', id: 'test-act-late', task_id: 'T-1', action: 'take' });
  await clock.run(60_000, 1_000);
  await comeBack();
  const others = [...it.server.of('scan'), ...it.server.of('act')];
  expect(others).toHaveLength(2);
  expect(others.filter((each) => 'late' in each)).toEqual([]);
});

const HANDED = { task_id: 'T-9', mine: '从 A-02 拣 2 件', server: '别人已拣' };

async function handedOver(): Promise<SubmitOp> {
  await goOffline();
  const op = tap('pick', FACT);
  await it.wire.post(op);
  it.server.answer = (frame) => refusal(frame.id, 'already_picked', { conflict: HANDED });
  await comeBack();
  return op;
}

test('a refusal of the books is a supervisor\'s: settled, never resent, shown until seen', async () => {
  const op = await handedOver();
  const entry = (await it.wire.queue.get(op.id))!;
  expect(entry).toMatchObject({ state: 'conflict', reply: { conflict: HANDED }, verdict: '' });
  expect(isSettled(entry)).toBe(true);
  expect(it.wire.snapshot().queue.waiting).toBe(0);
  await it.wire.resend(op.id, { inputs: { quantity: '1' } });
  await it.wire.abandon(op.id, '算了');
  await it.wire.post(op);
  await clock.run(5_000, 200);
  expect(sent()).toHaveLength(1);
  expect(await it.wire.queue.get(op.id)).toEqual(entry);
});

test('what the supervisor decides is kept when this person hears of it', async () => {
  const op = await handedOver();
  it.server.tell(task('T-9', { kind: 'conflict', state: 'done', result: '以系统为准' }));
  await clock.run(200);
  expect((await it.wire.queue.get(op.id))!.verdict).toBe('以系统为准');
});

test('the same refusal online stays a refusal that can be mended', async () => {
  it.server.answer = (frame) => refusal(frame.id, 'already_picked');
  const op = tap('pick', FACT);
  await it.wire.post(op);
  await clock.run(200);
  const entry = (await it.wire.queue.get(op.id))!;
  expect(entry.state).toBe('refused');
  expect(isSettled(entry)).toBe(false);
  await clock.run(60_000, 1_000);
  it.server.answer = (frame) => reply(frame.id);
  await it.wire.resend(op.id, { inputs: { quantity: '1' } });
  await clock.run(500);
  expect(flags()).toEqual([undefined, undefined]); // mended before the person's eyes
  expect((await it.wire.queue.get(op.id))!.state).toBe('sent');
});

test('mended without a connection it is late like any other', async () => {
  it.server.answer = (frame) => refusal(frame.id, 'already_picked');
  const op = tap('pick', FACT);
  await it.wire.post(op);
  await clock.run(200);
  await goOffline();
  await it.wire.resend(op.id, { inputs: { quantity: '1' } });
  await comeBack();
  expect(flags()).toEqual([undefined, true]);
});
