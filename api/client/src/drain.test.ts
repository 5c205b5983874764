// Operations on their way: once each, in order, whatever the network, the battery and the tabs do.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Entry } from './entries.ts';
import type { OpFrame, Reply } from './frames.ts';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, type Floor } from './testing/floor.ts';
import { LINE, message, refusal, reply, scan, tap } from './testing/ops.ts';
import type { Wire } from './wire.ts';

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

const effects = (): string[] => it.server.effects.map((each) => each.id);
const works = (): string[] => it.server.effects
  .filter((each) => each.t === 'act' || each.flow !== 'queue').map((each) => each.id);
const sentIds = (): string[] => (it.server.heard as OpFrame[])
  .filter((each) => ['scan', 'submit', 'act'].includes(each.t)).map((each) => each.id);

async function goOffline(): Promise<void> {
  it.server.reachable = false;
  it.server.cut();
  await clock.run(50);
}

async function comeBack(ms = 500): Promise<void> {
  it.server.reachable = true;
  it.wire.connect();
  await clock.run(ms);
}

async function another(chain?: string): Promise<Wire> {
  if (chain) sessionStorage.setItem('jieli.chain', chain);
  const wire = switchOn(clock, it.server, it.db);
  extra.push(wire);
  await wire.start();
  await clock.run(300);
  return wire;
}

test('an operation is on disk when post resolves, and answered on the same screen', async () => {
  const heard: [Reply, Entry, boolean][] = [];
  it.wire.onReply((...each) => heard.push(each));
  it.wire.setView(LINE);
  const op = scan('4006381333931');
  const entry = await it.wire.post(op);
  expect((await it.db.getAll('ops')).map((each) => each.id)).toEqual([op.id]);
  expect(entry.frame).toMatchObject({ ...LINE, by: 5, code: '4006381333931' });
  await clock.run(100);
  expect(heard.map(([answer, , live]) => [answer.id, live])).toEqual([[op.id, true]]);
  expect(it.wire.view()).toEqual(
    { flow: 'receive', state: 'line', context: { line_id: 7, quantity: '1' } });
  expect(it.wire.snapshot().queue).toMatchObject({ waiting: 0, refused: 0 });
});

test('three done offline survive a restart and arrive once, in order', async () => {
  await goOffline();
  const made = [scan(), tap('confirm', LINE), scan('A-03-2', LINE)];
  for (const op of made) await it.wire.post(op);
  await clock.run(100);
  expect(it.wire.snapshot()).toMatchObject({ link: 'offline', queue: { waiting: 3 } });
  it.wire.stop();
  it.server.reachable = true;
  const again = await another();
  expect(effects()).toEqual(made.map((op) => op.id));
  expect(again.snapshot().queue).toEqual({ waiting: 0, refused: 0, others: 0, oldestAt: null });
});

test('an acknowledgement that was lost moves nothing twice', async () => {
  it.server.answer = () => 'lose';
  const op = tap('confirm', LINE);
  await it.wire.post(op);
  await clock.run(100);
  it.server.cut();
  await comeBack();
  expect(sentIds()).toEqual([op.id, op.id]);
  expect(effects()).toEqual([op.id]);
  expect(it.wire.snapshot().queue.waiting).toBe(0);
  const frames = it.server.of('submit').map((each) => JSON.stringify(each));
  expect(frames[0]).toBe(frames[1]);
});

test('ten scans in two seconds go out at once, each after the one before', async () => {
  it.wire.setView(LINE);
  const made = Array.from({ length: 10 }, () => scan('4006381333931'));
  await Promise.all(made.map((op) => it.wire.post(op)));
  await clock.run(200);
  expect(effects()).toEqual(made.map((op) => op.id));
  const after = it.server.of('scan').map((each) => (each as OpFrame & { after?: string }).after);
  expect(after).toEqual([undefined, ...made.slice(0, 9).map((op) => op.id)]);
});

test('a scan after a tap waits for the tap and goes on where it led', async () => {
  it.server.silent = true;
  const [first, next] = [tap('confirm', LINE), scan('A-03-2')];
  await it.wire.post(first);
  await it.wire.post(next);
  it.server.silent = false;
  it.server.answer = (frame) => reply(frame.id, { next_state: 'order', context: { order_id: 1 } });
  it.server.cut();
  await comeBack();
  expect(it.server.of('scan')[0]).toMatchObject(
    { flow: 'receive', state: 'order', context: { order_id: 1 } });
  expect(effects()).toEqual([first.id, next.id]);
});

test('a scan after a tap that is refused goes on from the tap\'s own screen', async () => {
  await goOffline();
  await it.wire.post(tap('confirm', LINE));
  await it.wire.post(scan('A-03-2'));
  it.server.answer = (frame) => (frame.t !== 'submit' ? reply(frame.id)
    : refusal(frame.id, 'not_enough', { flow: '' }));
  await comeBack();
  expect(it.server.of('scan')[0]).toMatchObject(LINE);
});

test('busy is not an answer: the same frame again, a little later', async () => {
  let busy = 2;
  it.server.answer = (frame) => (busy-- > 0 ? refusal(frame.id, 'busy') : reply(frame.id));
  const op = scan();
  await it.wire.post(op);
  await clock.run(1_000, 100);
  expect(effects()).toEqual([]);
  expect(it.wire.snapshot().queue.waiting).toBe(1);
  await clock.run(5_000, 100);
  expect(effects()).toEqual([op.id]);
});

test('what a colleague queued waits for him, and only for him', async () => {
  await goOffline();
  const his = scan();
  await it.wire.post(his);
  it.server.sessions.clear();
  await comeBack();
  const held = it.wire.signIn('BADGE-ZHANG', '4711');
  await clock.run(200);
  await held;
  const mine = scan();
  await it.wire.post(mine);
  await clock.run(200);
  expect(effects()).toEqual([mine.id]);
  expect(it.wire.snapshot().queue).toMatchObject({ waiting: 1, others: 1 });
  const back = it.wire.signIn('BADGE-LI', '4711');
  await clock.run(300);
  await back;
  expect(effects()).toEqual([mine.id, his.id]);
});

test('an operation that breaks the server is set aside after six tries, said, and blocks nobody',
  async () => {
    await goOffline();
    const made = [scan('OK-1'), scan('BAD-1'), scan('OK-2')];
    for (const op of made) await it.wire.post({ ...op, flow: 'lookup' });
    it.server.answer = (frame) =>
      (frame.t === 'scan' && frame.code === 'BAD-1' ? 'break' : reply(frame.id));
    await comeBack();
    await clock.run(60_000, 500);
    expect(effects()).toEqual([made[0]?.id, made[2]?.id]);
    expect(sentIds().filter((id) => id === made[1]?.id)).toHaveLength(6);
    expect(it.wire.snapshot().queue).toMatchObject({ waiting: 0, refused: 1 });
    expect((await it.wire.queue.get(made[1]?.id ?? ''))?.said?.code).toBe('set_aside');
  });

test('a network that drops a hundred times sets nothing aside', async () => {
  it.server.answer = () => 'lose';
  const op = tap('confirm', LINE);
  await it.wire.post(op);
  for (let i = 0; i < 20; i += 1) {
    await clock.run(30);
    it.server.stored.clear();
    it.server.effects = [];
    it.server.cut();
    it.wire.connect();
  }
  it.server.answer = (frame) => reply(frame.id);
  await comeBack();
  expect(effects()).toEqual([op.id]);
});

test('refused while somebody looks is seen; refused hours later waits to be seen', async () => {
  it.server.answer = (frame) => refusal(frame.id, 'unknown_code');
  await it.wire.post(scan());
  await clock.run(100);
  expect(it.wire.snapshot().queue.refused).toBe(0);
  await goOffline();
  const late = await it.wire.post(scan());
  await clock.run(3_600_000, 60_000);
  await comeBack(3_000); // the turn to send ran out while the device slept
  expect(it.wire.snapshot().queue.refused).toBe(1);
  await it.wire.acknowledge(late.id);
  await clock.run(50);
  expect(it.wire.snapshot().queue.refused).toBe(0);
});

test('a refused tap is mended and goes again under its id', async () => {
  it.server.answer = (frame) => (frame.inputs?.quantity === '8' ? reply(frame.id)
    : refusal(frame.id, 'not_enough'));
  const op = tap('confirm', { ...LINE, inputs: { quantity: '12' } });
  await it.wire.post(op);
  await clock.run(100);
  await it.wire.resend(op.id, { inputs: { quantity: '8' } });
  await clock.run(100);
  expect(effects()).toEqual([op.id]);
});

test('a question is answered by the same tap: that is a second operation', async () => {
  it.server.answer = (frame) => (frame.id.endsWith('.y1') ? reply(frame.id)
    : reply(frame.id, { message: message('ask', 'confirmation_required') }));
  const op = tap('confirm', LINE);
  await it.wire.post(op);
  await clock.run(100);
  await it.wire.post(op);
  await it.wire.post(op);
  await clock.run(100);
  expect(sentIds()).toEqual([op.id, `${op.id}.y1`]);
});

test('two tabs: everything is sent once, each tab hears the answers to its own', async () => {
  const two = await another('tab-2');
  const heard: string[][] = [[], []];
  it.wire.onReply((answer, entry) => { if (entry.chain !== 'tab-2') heard[0]?.push(answer.id); });
  two.onReply((answer) => heard[1]?.push(answer.id));
  await goOffline();
  const made = Array.from({ length: 6 }, () => scan('A-03-2', LINE));
  for (const [at, op] of made.entries()) await (at % 2 ? two : it.wire).post(op);
  it.server.reachable = true;
  it.wire.connect();
  two.connect();
  await clock.run(3_000, 100);
  expect(sentIds()).toEqual(made.map((op) => op.id));
  expect(heard[0]).toEqual(made.filter((_, at) => at % 2 === 0).map((op) => op.id));
  expect(heard[1]).toEqual(made.filter((_, at) => at % 2 === 1).map((op) => op.id));
});

test('the other tab takes over the queue when the first is gone', async () => {
  const two = await another('tab-2');
  it.wire.stop();
  const op = scan();
  await two.post(op);
  await clock.run(9_000, 200);
  expect(effects()).toEqual([op.id]);
});

test('a frame above the server\'s limit never goes out, and says so', async () => {
  const big = tap('confirm', { ...LINE, inputs: { reason: '坏'.repeat(30_000) } });
  const next = tap('confirm', LINE);
  await it.wire.post(big);
  await it.wire.post(next);
  await clock.run(100);
  expect(sentIds()).toEqual([next.id]);
  expect((await it.wire.queue.get(big.id))?.said?.code).toBe('too_large');
});

test('a frame the server cannot read is refused, not sent for ever', async () => {
  const op = tap('confirm', LINE);
  it.server.silent = true;
  await it.wire.post(op);
  await clock.run(50);
  it.server.silent = false;
  it.server.live.say({ t: 'error', id: op.id, code: 'bad_frame', sound: 'error',
    message: message('error', 'bad_frame') });
  await clock.run(50);
  expect(await it.wire.queue.get(op.id)).toMatchObject({ state: 'refused', seen: false });
});

test('a scan whose predecessor nobody has any more is refused in words', async () => {
  await goOffline();
  const [one, two] = [scan(), scan()];
  await it.wire.post(one);
  await it.wire.post(two);
  await it.wire.queue.departing([one.id, two.id]); // they were under way when the battery died
  await it.wire.abandon(one.id, '扫错了');
  await comeBack();
  expect(works()).toEqual([]);
  expect((await it.wire.queue.get(two.id))?.said?.code).toBe('after_unknown');
});

test('five hundred queued operations arrive in order, never more than a window unanswered',
  async () => {
    await goOffline();
    const made = Array.from({ length: 500 },
      (_, at) => tap('confirm', { ...LINE, id: `op-${at + 10_000}` }));
    for (const op of made) await it.wire.post(op);
    it.server.reachable = true;
    it.wire.connect();
    await clock.run(3_000, 20);
    expect(effects()).toEqual(made.map((op) => op.id));
    expect(sentIds()).toHaveLength(500);
    expect(it.server.mostPending).toBeLessThanOrEqual(32);
  }, 30_000);

test('a question is answered and leaves nothing behind; without network it is over at once',
  async () => {
    const heard: string[] = [];
    it.wire.onReply((answer) => heard.push(answer.id));
    const asked = it.wire.ask(tap('open', { flow: 'receive' }));
    await clock.run(100);
    expect((await asked).ok).toBe(true);
    await goOffline();
    await expect(it.wire.ask(tap('open', { flow: 'receive' })))
      .rejects.toMatchObject({ said: { code: 'no_answer' } });
    await comeBack();
    expect(await it.wire.queue.list()).toEqual([]);
    expect([sentIds().length, heard]).toEqual([1, []]);
  });

test('a question the server is silent on ends after its time', async () => {
  it.server.silent = true;
  const asked = it.wire.ask(tap('open', { flow: 'receive' }), 2_000)
    .catch((why: Error) => why.message);
  await clock.run(2_100, 100);
  expect(await asked).toBe('no_answer');
});
