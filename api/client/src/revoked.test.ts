// A supervisor revokes a scanner that still holds work: it says so, keeps everything, and once it
// is enrolled again sends what it kept. What the server booked already is not booked again.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, type Floor } from './testing/floor.ts';
import { LINE, tap } from './testing/ops.ts';
import type { Wire } from './wire.ts';

const noWeb = (() => Promise.reject(new TypeError('Failed to fetch'))) as typeof fetch;
let clock: FakeClock;
let it: Floor;
let extra: Wire[];

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  sessionStorage.clear();
  clock = new FakeClock();
  it = await floor(clock, { fetch: noWeb });
  extra = [];
});
afterEach(() => [it.wire, ...extra].forEach((wire) => wire.stop()));

const effects = (): string[] => it.server.effects.map((each) => each.id);

async function revoke(): Promise<void> {
  it.server.revoke();
  await clock.run(100);
}

async function enrolAndSignIn(wire = it.wire): Promise<void> {
  const enrolled = wire.enrol('GOOD');
  await clock.run(100);
  await enrolled;
  const held = wire.signIn('BADGE-LI', '4711');
  await clock.run(300);
  await held;
}

async function restart(): Promise<Wire> {
  it.wire.stop();
  const again = switchOn(clock, it.server, it.db);
  extra.push(again);
  await again.start();
  await clock.run(200);
  return again;
}

test('a revoked scanner is no device any more and says why and what it keeps', async () => {
  it.server.silent = true;
  await it.wire.post(tap('confirm', LINE));
  await it.wire.post(tap('confirm', LINE));
  await clock.run(50);
  await revoke();
  const now = it.wire.snapshot();
  expect(now).toMatchObject({ device: null, signedIn: false, queue: { waiting: 2 } });
  expect(now.problem).toMatchObject({ code: 'device_revoked' });
  expect(now.problem?.text).toMatch(/停用.*重新登记.*2 条/);
  expect(now.problem?.en).toMatch(/enrolled again.*2 records/);
});

test('switched off and on it is still no device, and still says why', async () => {
  await revoke();
  const again = await restart();
  expect(again.snapshot()).toMatchObject(
    { device: null, signedIn: false, problem: { code: 'device_revoked' } });
});

test('a page that an older version left without a token can be enrolled again', async () => {
  const row = (await it.db.get('shelf', 'wire/identity'))!;
  const { was: _was, stepsAs: _steps, ...old } = row.value as Record<string, unknown>;
  await it.db.put('shelf', { ...row, value: { ...old, token: null, session: null } });
  const again = await restart();
  expect(again.snapshot()).toMatchObject({ device: null, problem: { code: 'device_revoked' } });
  await enrolAndSignIn(again);
  expect(again.snapshot()).toMatchObject({ device: { id: 4 }, signedIn: true, problem: null });
});

test('a page that was never enrolled is not told that it was revoked', async () => {
  globalThis.indexedDB = new IDBFactory();
  const fresh = await floor(clock);
  fresh.wire.stop();
  await fresh.db.clear('shelf');
  const again = switchOn(clock, fresh.server, fresh.db);
  extra.push(again);
  await again.start();
  expect(again.snapshot()).toMatchObject({ device: null, problem: null });
});

test('enrolled again it sends what it kept, drafts and photos are still there', async () => {
  it.server.silent = true;
  const kept = tap('confirm', LINE);
  await it.wire.post(kept);
  const row = await it.wire.keepPhoto(new ArrayBuffer(3));
  await clock.run(50);
  await revoke();
  it.server.silent = false;
  await enrolAndSignIn();
  expect(it.wire.snapshot()).toMatchObject(
    { device: { id: 4, name: '4号枪' }, problem: null, queue: { waiting: 0 } });
  expect(effects()).toEqual([kept.id]);
  expect(await it.wire.photos.bytes(row.key)).toBeDefined();
});

test('booked before it was revoked, and the answer lost: not booked again', async () => {
  it.server.answer = () => 'lose';
  const op = tap('confirm', LINE);
  await it.wire.post(op);
  await clock.run(100);
  expect(effects()).toEqual([op.id]);
  await revoke();
  await enrolAndSignIn(await restart());
  expect(it.server.of('submit').map((each) => each.id)).toEqual([op.id, op.id]);
  expect(effects()).toEqual([op.id]);
});

test('the token before is shown at the enrolment only, and forgotten then', async () => {
  await revoke();
  const wrong = it.wire.enrol('OLD').catch((why: { said: { code: string } }) => why.said.code);
  await clock.run(200);
  expect(await wrong).toBe('enrol_code_void');
  await enrolAndSignIn();
  expect(it.server.of('enrol').slice(1)).toEqual([
    { t: 'enrol', v: 1, code: 'OLD', was: 'token-3' },
    { t: 'enrol', v: 1, code: 'GOOD', was: 'token-3' }]);
  const kept = await it.db.get('shelf', 'wire/identity');
  expect(kept?.value).toMatchObject({ token: 'token-4', was: null });
  const others = it.server.heard.filter((each) => each.t !== 'enrol' && each.t !== 'hello');
  expect(JSON.stringify(others)).not.toContain('token-3');
});

test('a step done before and after is the same step: its id is made as it was', async () => {
  expect(it.wire.snapshot().stepsAs).toBe(3);
  await revoke();
  expect(it.wire.snapshot().stepsAs).toBe(3);
  await enrolAndSignIn();
  expect(it.wire.snapshot()).toMatchObject({ device: { id: 4 }, stepsAs: 3 });
});
