// The queue keeps everything, once, in order, and says what became of it.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, expect, test, vi } from 'vitest';
import { openDb, StorageProblem, type Db } from './db.ts';
import { openQueue, type Queue } from './queue.ts';
import { FakeClock } from './testing/clock.ts';
import { ids, LINE, message, refusal, reply, scan, tap } from './testing/ops.ts';

let db: Db;
let clock: FakeClock;
let queue: Queue;
const LI = { by: 5, chain: 'tab-1' };

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  clock = new FakeClock();
  db = await openDb();
  queue = openQueue(db, clock);
});

test('what is added is there after a restart, in order', async () => {
  const made = [scan('A-03-2'), scan('4006381333931'), scan('A-03-2')];
  for (const op of made) await queue.add(op, LI);
  db.close();
  const again = openQueue(await openDb(), clock);
  expect(ids(await again.waiting())).toEqual(made.map((op) => op.id));
});

test('the same id again is the same entry: double tap, two tabs', async () => {
  const op = tap('confirm', LINE);
  const other = openQueue(await openDb(), clock);
  const both = await Promise.all([queue.add(op, LI), other.add(op, { ...LI, chain: 'tab-2' })]);
  expect(both.map((each) => each.fresh)).toEqual([true, false]);
  await queue.answered(reply(op.id), true);
  expect((await queue.add(op, LI)).entry.reply?.id).toBe(op.id);
  expect(await queue.waiting()).toEqual([]);
});

test('only JSON is kept, so a reactive object cannot lose an action', async () => {
  const reactive = new Proxy({ list: new Proxy([1, 2], {}) }, {});
  const op = tap('confirm', { inputs: reactive as never, flow: 'receive' });
  expect((await queue.add(op, LI)).fresh).toBe(true);
  expect((await queue.waiting())[0]?.op.inputs).toEqual({ list: [1, 2] });
});

test('a scan goes on the screen, the next one after it, without waiting', async () => {
  const [one, two] = [scan(), scan()];
  await queue.add(one, { ...LI, view: LINE });
  await queue.add(two, { ...LI, view: LINE });
  const frames = (await queue.waiting()).map((each) => each.frame);
  expect(frames[0]).toEqual({ ...one, ...LINE, by: 5, at: '2026-03-02T01:00:00.000Z' });
  expect(frames[1]).toEqual({ ...two, after: one.id, by: 5, at: '2026-03-02T01:00:00.000Z' });
});

test('what follows a tap waits for its answer; another tab or person does not', async () => {
  await queue.add(tap('confirm'), { ...LI, view: LINE });
  await queue.add(scan(), { ...LI, view: LINE });
  await queue.add(scan(), { ...LI, chain: 'tab-2', view: LINE });
  await queue.add(scan(), { by: 6, chain: 'tab-1', view: LINE });
  const frames = (await queue.waiting()).map((each) => each.frame !== null);
  expect(frames).toEqual([true, false, true, true]);
});

test('answers settle: sent, refused, conflict, and "not now" stays', async () => {
  const made = [scan(), scan(), scan(), scan()];
  for (const op of made) await queue.add(op, LI);
  const [ok, bad, changed, busy] = made.map((op) => op.id) as [string, string, string, string];
  await queue.answered(reply(ok), true);
  await queue.answered(refusal(bad, 'unknown_code'), true);
  await queue.answered(refusal(changed, 'stale_card'), false);
  await queue.answered(refusal(busy, 'busy'), true);
  const states = (await queue.list()).map((each) => [each.state, each.seen]);
  expect(states).toEqual([
    ['sent', true], ['refused', true], ['conflict', false], ['waiting', true],
  ]);
  expect(await queue.counts(5)).toEqual(
    { waiting: 1, refused: 1, others: 0, oldestAt: clock.now() });
  expect((await queue.get(changed))?.said?.code).toBe('stale_card');
});

test('a question nobody was there to answer is not done, and says so', async () => {
  const op = scan();
  await queue.add(op, LI);
  await queue.answered(reply(op.id, { message: message('ask', 'confirmation_required') }), false);
  expect(await queue.get(op.id)).toMatchObject({ state: 'refused', seen: false });
});

test('the same tap after a question is the second tap, once', async () => {
  const op = tap('confirm', LINE);
  const ask = message('ask', 'confirmation_required');
  await queue.add(op, LI);
  await queue.answered(reply(op.id, { message: ask }), true);
  const yes = [await queue.add(op, LI), await queue.add(op, LI)];
  expect(yes.map((each) => [each.entry.id, each.fresh])).toEqual([
    [`${op.id}.y1`, true], [`${op.id}.y1`, false],
  ]);
  await queue.answered(reply(`${op.id}.y1`, { message: ask }), true);
  expect((await queue.add(op, LI)).entry.id).toBe(`${op.id}.y2`);
});

test('a refused tap is mended under its id, a refused scan under a new one', async () => {
  const bad = tap('confirm', { inputs: { quantity: '12', bin: 'A-03-2' } });
  await queue.add(bad, { ...LI, view: LINE });
  await queue.answered(refusal(bad.id, 'not_enough', { flow: '' }), false);
  await queue.resend(bad.id, { inputs: { quantity: '8' } });
  const mended = await queue.get(bad.id);
  expect(mended).toMatchObject({ state: 'waiting', frame: null });
  expect(mended?.op).toEqual({ ...bad, ...LINE, inputs: { quantity: '8', bin: 'A-03-2' } });

  const lost = scan();
  await queue.add(lost, { ...LI, view: LINE, chain: 'tab-9' });
  await queue.answered(refusal(lost.id, 'not_on_order'), false);
  const fresh = await queue.resend(lost.id);
  expect(fresh?.id).not.toBe(lost.id);
  expect(await queue.get(lost.id)).toBeUndefined();
  expect((await queue.waiting()).map((each) => each.n)).toContain(fresh?.n);
});

test('a form sent again after a refusal replaces the refused one', async () => {
  const op = tap('confirm', { ...LINE, inputs: { quantity: '12' } });
  await queue.add(op, LI);
  await queue.answered(refusal(op.id, 'not_enough'), true);
  const again = await queue.add({ ...op, inputs: { quantity: '8' } }, LI);
  expect(again.fresh).toBe(true);
  expect((await queue.list()).map((each) => each.op.inputs)).toEqual([{ quantity: '8' }]);
});

test('given up: the reason stays until acknowledged, and "maybe posted" is said', async () => {
  const [never, perhaps] = [tap('a', LINE), tap('b', LINE)];
  await queue.add(never, LI);
  await queue.add(perhaps, LI);
  await queue.departing([perhaps.id]);
  await queue.abandon(never.id, '扫错了');
  await queue.abandon(perhaps.id, '扫错了');
  const kept = await queue.list('abandoned');
  expect(kept.map((each) => [each.reason, each.said?.code])).toEqual([
    ['扫错了', 'given_up'], ['扫错了', 'maybe_done'],
  ]);
  await queue.trim(0, 0);
  expect(await queue.list()).toHaveLength(2);
  await queue.acknowledge(never.id);
  await queue.trim(0, 0);
  expect(ids(await queue.list())).toEqual([perhaps.id]);
});

test('refused work that nobody mended or gave up is kept, whatever comes after it', async () => {
  const bad = tap('confirm', { ...LINE, inputs: { quantity: '12' } });
  await queue.add(bad, LI);
  await queue.answered(refusal(bad.id, 'not_enough'), true); // before its person's eyes
  const changed = tap('pick', LINE);
  await queue.add(changed, LI);
  await queue.answered(refusal(changed.id, 'already_done'), true);
  for (let n = 0; n < 201; n += 1) {
    const good = tap('confirm', LINE);
    await queue.add(good, LI);
    await queue.answered(reply(good.id), true);
  }
  await queue.trim();
  clock.pass(9 * 86_400_000);
  await queue.trim();
  await queue.trim(0, 0);
  expect(ids(await queue.list())).toEqual([bad.id, changed.id]);
});

test('a refused scan or button its person saw is done with: nobody mends it', async () => {
  const made = [scan(), { t: 'act' as const, id: 'test-act-1', task_id: 'T-1', action: 'take' }];
  for (const op of made) {
    await queue.add(op, LI);
    await queue.answered(refusal(op.id, 'stale_card'), true);
  }
  await queue.trim(0, 0);
  expect(await queue.list()).toEqual([]);
});

test('scans behind one that is given up go on from its screen', async () => {
  const [one, two, three] = [scan(), scan(), scan()];
  for (const op of [one, two, three]) await queue.add(op, { ...LI, view: LINE });
  await queue.abandon(one.id, '扫错了');
  const frames = (await queue.waiting()).map((each) => each.frame);
  expect(frames[0]).toMatchObject(LINE);
  expect(frames[0]).not.toHaveProperty('after');
  expect(frames[1]).toMatchObject({ after: two.id });
});

test('what the server breaks on six times is set aside, what is behind goes on', async () => {
  const [one, two] = [scan(), scan()];
  await queue.add(one, { ...LI, view: LINE });
  await queue.add(two, { ...LI, view: LINE });
  for (let i = 0; i < 5; i += 1) await queue.broke(one.id);
  expect(await queue.waiting()).toHaveLength(2);
  await queue.broke(one.id);
  expect(await queue.get(one.id)).toMatchObject({ state: 'refused', seen: false });
  expect((await queue.get(one.id))?.said?.code).toBe('set_aside');
  expect((await queue.get(two.id))?.frame).toMatchObject(LINE);
});

test('the first frame stays: a repeat is the same content', async () => {
  const op = scan();
  await queue.add(op, { ...LI, photos: ['p-1'] });
  const frame = { ...op, ...LINE, by: 5, at: 'then' };
  await queue.freeze(op.id, frame);
  await queue.freeze(op.id, { ...frame, at: 'later' });
  expect((await queue.get(op.id))?.frame?.at).toBe('then');
});

test('a late second answer changes nothing', async () => {
  const op = scan();
  await queue.add(op, LI);
  await queue.answered(reply(op.id), true);
  await queue.answered(refusal(op.id, 'unknown_code'), true);
  expect((await queue.get(op.id))?.state).toBe('sent');
});

test('the rescue text holds everything not settled, nothing settled', async () => {
  const [left, done] = [scan('A-03-2'), scan('B-01-1')];
  await queue.add(left, LI);
  await queue.add(done, LI);
  await queue.answered(reply(done.id), true);
  const text = JSON.parse(await queue.exportText());
  expect(text.count).toBe(1);
  expect(text.entries[0].operation).toMatchObject({ code: 'A-03-2', by: 5 });
});

test('the oldest waiting moment is that of the hands, of others too', async () => {
  const first = clock.now();
  await queue.add(scan(), { ...LI, by: 6 });
  clock.pass(60_000);
  await queue.add(scan(), LI);
  expect(await queue.counts(5)).toEqual({ waiting: 2, refused: 0, others: 1, oldestAt: first });
});

/** The disk is full for the next `times` additions. */
function diskFull(times: number): void {
  const add = IDBObjectStore.prototype.add;
  vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function full(this: IDBObjectStore,
    ...args) {
    if (times-- > 0) throw new DOMException('full', 'QuotaExceededError');
    return add.apply(this, args as [unknown]);
  });
}

test('a full disk is made room on by forgetting what is settled', async () => {
  const old = scan();
  await queue.add(old, LI);
  await queue.answered(reply(old.id), true);
  diskFull(1);
  expect((await queue.add(scan(), LI)).fresh).toBe(true);
  expect(await queue.get(old.id)).toBeUndefined();
});

test('a disk that stays full is said in words, never swallowed', async () => {
  diskFull(9);
  const problem = await queue.add(scan(), LI).catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(StorageProblem);
  expect((problem as StorageProblem).said.code).toBe('storage_full');
});

test('a browser without storage says so', async () => {
  const refuse = (): never => { throw new DOMException('no', 'SecurityError'); };
  globalThis.indexedDB = { open: refuse } as never;
  await expect(openDb('x')).rejects.toMatchObject({ said: { code: 'storage_closed' } });
});

test('a storage that never answers is a closed one', async () => {
  globalThis.indexedDB = { open: () => new EventTarget() } as never;
  await expect(openDb('x', 5)).rejects.toMatchObject({ said: { code: 'storage_closed' } });
});
