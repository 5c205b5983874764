// What a person gives up reaches the server's record: once, also after a dead battery.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, type Floor } from './testing/floor.ts';
import { refusal, reply, tap } from './testing/ops.ts';
import type { SubmitOp } from './frames.ts';
import type { Wire } from './wire.ts';

const FACT = { flow: 'transfer', state: '', context: {}, inputs: { quantity: '4' } };
let clock: FakeClock;
let it: Floor;
let extra: Wire[];

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  sessionStorage.clear();
  clock = new FakeClock();
  it = await floor(clock);
  extra = [];
  it.server.answer = (frame) => (frame.t === 'submit' && frame.flow === 'queue'
    ? reply(frame.id, { flow: 'queue', next_state: 'start' }) : refusal(frame.id, 'not_enough'));
});
afterEach(() => [it.wire, ...extra].forEach((wire) => wire.stop()));

const told = (): SubmitOp[] => it.server.of('submit').filter((each) => each.flow === 'queue');

async function refused(): Promise<SubmitOp> {
  const op = tap('move', FACT);
  await it.wire.post(op);
  await clock.run(300);
  return op;
}

test('given up: who, what and why are told, and the view of the screen stays', async () => {
  const op = await refused();
  const view = it.wire.view();
  await it.wire.abandon(op.id, '扫错了', '移库 · 4');
  await clock.run(300);
  expect(told()).toHaveLength(1);
  expect(told()[0]).toMatchObject({ action: 'abandon', by: 5,
    inputs: { id: op.id, what: '移库 · 4', reason: '扫错了', op: { id: op.id, action: 'move' } } });
  expect(it.wire.view()).toEqual(view);
});

test('without a connection it waits like any work, over a restart, and is told once', async () => {
  const op = await refused();
  it.server.reachable = false;
  it.server.cut();
  await clock.run(50);
  await it.wire.abandon(op.id, '扫错了');
  await it.wire.abandon(op.id, '扫错了');
  it.wire.stop();
  it.server.reachable = true;
  const again = switchOn(clock, it.server, it.db);
  extra.push(again);
  await again.start();
  await clock.run(8_000, 200);
  expect(told()).toHaveLength(1);
  expect((told()[0]!.inputs as { what: string }).what).toBe('transfer move');
});

test('what is booked or a supervisor\'s cannot be given up, and nothing is told', async () => {
  it.server.answer = (frame) => reply(frame.id);
  const op = await refused();
  await it.wire.abandon(op.id, '算了');
  await clock.run(300);
  expect(told()).toEqual([]);
});

test('the word of it cannot be given up itself', async () => {
  const op = await refused();
  it.server.reachable = false;
  it.server.cut();
  await clock.run(50);
  await it.wire.abandon(op.id, '扫错了');
  const [word] = await it.wire.queue.waiting();
  await it.wire.abandon(word!.id, '也算了');
  expect((await it.wire.queue.waiting()).map((each) => each.id)).toEqual([word!.id]);
});

test('it is given up and told, or neither: the device fails between the two', async () => {
  const op = await refused();
  const add = vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(() => {
    throw new DOMException('the battery', 'UnknownError');
  });
  await expect(it.wire.abandon(op.id, '扫错了')).rejects.toMatchObject(
    { said: { code: 'storage_closed' } });
  add.mockRestore();
  expect((await it.wire.queue.get(op.id))?.state).toBe('refused');
  await it.wire.abandon(op.id, '扫错了');
  await clock.run(300);
  expect((await it.wire.queue.get(op.id))?.state).toBe('abandoned');
  expect(told()).toHaveLength(1);
});
