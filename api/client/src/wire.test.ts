// Getting in, staying in, and knowing what is going on: identity, link, inbox.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, task, type Floor } from './testing/floor.ts';
import { ZHANG } from './testing/server.ts';
import { LINE, message, tap } from './testing/ops.ts';
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

/** The battery dies; the same device is switched on again. */
async function restart(ms = 200): Promise<Wire> {
  it.wire.stop();
  it.server.cut();
  const again = switchOn(clock, it.server, it.db);
  extra.push(again);
  await again.start();
  await clock.run(ms);
  return again;
}

test('a new device is enrolled by the text of its QR, and keeps its token', async () => {
  expect(it.server.of('enrol')).toEqual([{ t: 'enrol', v: 1, code: 'GOOD' }]);
  expect(it.wire.snapshot()).toMatchObject(
    { device: { id: 3, name: '3号枪' }, person: { name: '李四' }, signedIn: true, link: 'online' });
  const again = await restart();
  expect(it.server.of('hello').pop()).toMatchObject(
    { device_token: 'token-3', session: 'session-1' });
  expect(again.snapshot()).toMatchObject({ signedIn: true, link: 'online', problem: null });
});

test('a void enrolment code is said, and asked for again', async () => {
  const wrong = it.wire.enrol('OLD').catch((why: { said: unknown }) => why.said);
  await clock.run(200);
  expect(await wrong).toMatchObject({ code: 'enrol_code_void' });
  expect(it.wire.snapshot()).toMatchObject({ link: 'online', signedIn: true });
});

test('a wrong PIN is the server\'s sentence; no network is ours', async () => {
  const wrong = it.wire.signIn('BADGE-LI', '0000').catch((why: { said: unknown }) => why.said);
  await clock.run(200);
  expect(await wrong).toMatchObject({ code: 'wrong_pin' });
  it.server.silent = true;
  const lost = it.wire.signIn('BADGE-LI', '4711').catch((why: { said: unknown }) => why.said);
  await clock.run(16_000, 500);
  expect(await lost).toMatchObject({ code: 'no_answer' });
});

test('the inbox is there after a restart without network, and resumes by its cursor', async () => {
  it.server.tell(task('T1', { due_at: '2026-03-02T03:00:00Z' }));
  it.server.tell(task('T2', { due_at: '2026-03-02T02:00:00Z' }));
  await clock.run(200);
  it.server.reachable = false;
  const again = await restart();
  expect(again.snapshot().inbox.map((each) => each.id)).toEqual(['T2', 'T1']);
  expect(again.snapshot().link).toBe('offline');
  it.server.reachable = true;
  it.server.missed = [{ after: 16, seq: 19, task: task('T1', { state: 'done' }) }];
  it.server.seq = 19;
  await clock.run(9_000, 200);
  expect(it.server.of('hello').pop()).toMatchObject({ epoch: 'e1', cursor: 16 });
  expect(again.snapshot().inbox.map((each) => each.id)).toEqual(['T2']);
});

test('an event is acknowledged once it is on disk', async () => {
  it.server.tell(task('T1'));
  await clock.run(100);
  expect(it.server.of('ack').pop()).toEqual({ t: 'ack', seq: it.server.seq });
  const told = await it.db.get('shelf', 'wire/told');
  expect(told?.value).toMatchObject({ cursor: it.server.seq, epoch: 'e1', person: 5 });
});

test('a task that is done, or another\'s, leaves the inbox', async () => {
  it.server.tell(task('T1'));
  it.server.tell(task('T2'));
  it.server.tell(task('T1', { state: 'done' }));
  it.server.tell(task('T2', { people: [6] }));
  await clock.run(100);
  expect(it.wire.snapshot().inbox).toEqual([]);
});

test('a gap is noticed: connect again, take the snapshot', async () => {
  it.server.seq += 5; // an event got lost
  it.server.tasks = [task('T1'), task('T9'), task('T5')];
  it.server.tell(task('T9'));
  await clock.run(2_000);
  const hello = it.server.of('hello').pop();
  expect(hello).not.toHaveProperty('cursor');
  expect(it.wire.snapshot().inbox.map((each) => each.id)).toEqual(['T1', 'T5', 'T9']);
});

test('a lost last event is noticed by the heartbeat', async () => {
  it.server.seq += 5;
  it.server.tasks = [task('T9')];
  await clock.run(13_000, 200);
  expect(it.wire.snapshot().inbox.map((each) => each.id)).toEqual(['T9']);
});

test('half a snapshot is never shown', async () => {
  it.server.tell(task('T1'));
  await clock.run(100);
  const seen = new Set<string>();
  it.wire.subscribe((now) => seen.add(now.inbox.map((each) => each.id).join()));
  const part = { t: 'inbox' as const, epoch: 'e1', seq: 40, parts: 2 };
  it.server.live.say({ ...part, part: 1, tasks: [task('A')] });
  await clock.run(100);
  it.server.live.say({ ...part, part: 2, tasks: [task('B')] });
  await clock.run(100);
  expect(Array.from(seen)).toEqual(['T1', 'A,B']);
});

test('the strip says weak, then offline, though nothing closes; and comes back', async () => {
  const links: string[] = [];
  it.wire.subscribe((now) => {
    if (links[links.length - 1] !== now.link) links.push(now.link);
  });
  it.server.silent = true;
  await clock.run(22_000, 200);
  it.server.silent = false;
  await clock.run(15_000, 200);
  expect(links).toEqual(['online', 'weak', 'offline', 'online']);
});

test('a slow answer is a weak link', async () => {
  await clock.run(9_000, 200);
  it.server.silent = true;
  await clock.run(2_900, 100);
  it.server.silent = false;
  it.server.live.say({ t: 'pong', n: 1, seq: it.server.seq, now: it.server.now() });
  await clock.run(50);
  expect(it.wire.snapshot().link).toBe('weak');
  await clock.run(10_000, 200);
  expect(it.wire.snapshot().link).toBe('online');
});

test('when the device says its network is gone, that is believed at once', async () => {
  window.dispatchEvent(new Event('offline'));
  await clock.run(10);
  expect(it.wire.snapshot().link).toBe('offline');
  window.dispatchEvent(new Event('online'));
  await clock.run(100);
  expect(it.wire.snapshot().link).toBe('online');
});

test('it comes back with a growing wait, and at once when the network does', async () => {
  it.server.reachable = false;
  it.server.cut();
  const began = it.server.sockets.length;
  await clock.run(31_000, 500);
  expect(it.server.sockets.length - began).toBe(6); // 0.5 1 2 4 8 8 seconds
  it.server.reachable = true;
  window.dispatchEvent(new Event('online'));
  await clock.run(100);
  expect(it.wire.snapshot().link).toBe('online');
});

test('a revoked device forgets its token, keeps its queue, and stops knocking', async () => {
  it.server.reachable = false;
  it.server.cut(4001);
  await it.wire.post({ t: 'scan', id: 'left-0001', code: 'A-03-2' });
  const began = it.server.sockets.length;
  it.server.reachable = true;
  await clock.run(30_000, 500);
  expect(it.server.sockets.length).toBe(began);
  expect(it.wire.snapshot()).toMatchObject(
    { problem: { code: 'device_revoked' }, signedIn: false, queue: { waiting: 1 } });
});

test('a page that is too old says so and does not hammer', async () => {
  it.server.cut(4000);
  const began = it.server.sockets.length;
  await clock.run(50_000, 500);
  expect(it.wire.snapshot()).toMatchObject({ stale: true, problem: { code: 'page_old' } });
  expect(it.server.sockets.length).toBe(began);
});

test('a session that ran out: the person is still named, the sentence is heard', async () => {
  const said: string[] = [];
  it.wire.onSaid((each) => said.push(each.code));
  it.server.sessions.clear();
  it.server.live.say({ t: 'signed_out', id: null, message: message('error', 'signed_out') });
  await clock.run(50);
  expect(said).toEqual(['signed_out']);
  expect(it.wire.snapshot()).toMatchObject({ signedIn: false, person: { name: '李四' } });
});

test('whoever signs out is gone, with his inbox', async () => {
  it.server.tell(task('T1'));
  const gone = it.wire.signOut();
  await clock.run(100);
  await gone;
  expect(it.wire.snapshot()).toMatchObject({ signedIn: false, person: null, inbox: [] });
  await expect(it.wire.post({ t: 'scan', id: 'x-0000001', code: 'A-03-2' }))
    .rejects.toMatchObject({ said: { code: 'needs_sign_in' } });
});

test('another person gets his own inbox, not what the one before was told', async () => {
  it.server.tell(task('T1'));
  await clock.run(50);
  it.server.tasks = [task('T7', { people: [6] })];
  const held = it.wire.signIn('BADGE-ZHANG', '4711');
  await clock.run(100);
  expect(await held).toEqual(ZHANG);
  expect(it.wire.snapshot().inbox.map((each) => each.id)).toEqual(['T7']);
});

test('the server\'s clock counts: a device three hours ahead stamps the true time', async () => {
  it.server.skewMs = -10_800_000;
  await clock.run(11_000, 200);
  const entry = await it.wire.post({ t: 'scan', id: 'skew-0001', code: 'A-03-2' });
  expect(Math.abs(it.wire.now() - (clock.now() - 10_800_000))).toBeLessThan(50);
  expect(Math.abs(Date.parse(entry.at) - (clock.now() - 10_800_000))).toBeLessThan(50);
});

test('a storage that fails while working is said', async () => {
  it.db.close();
  it.server.tell(task('T1'));
  await clock.run(100);
  expect(it.wire.snapshot().problem?.code).toBe('storage_closed');
});

test('a question put before the inbox is there goes out with it, and is never recorded', async () => {
  it.server.cut();
  it.wire.connect();
  await clock.run(12);
  expect(it.wire.snapshot().link).toBe('online'); // welcomed, and not caught up
  const asked = it.wire.ask(tap('open', LINE));
  await clock.run(300);
  expect((await asked).ok).toBe(true);
  expect(await it.db.getAll('ops')).toEqual([]);
});

test('a question held for an inbox that never comes is over in time, and not asked later', async () => {
  it.server.cut();
  it.wire.connect();
  await clock.run(12);
  it.server.silent = true;
  const asked = it.wire.ask(tap('open', LINE), 2_000).catch((why) => why.said.code);
  await clock.run(3_000, 100);
  expect(await asked).toBe('no_answer');
  it.server.silent = false;
  await clock.run(30_000, 500);
  expect(it.server.of('submit')).toEqual([]);
});
