// Photos: the text goes first, the picture follows and hangs where it belongs.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OpFrame } from './frames.ts';
import { FakeClock } from './testing/clock.ts';
import { floor, switchOn, type Floor } from './testing/floor.ts';
import { LINE, refusal, reply, tap } from './testing/ops.ts';
import { taskOf } from './upload.ts';

interface Request { path: string; key: string; token: string; body: unknown }

const bytes = new Uint8Array([0xff, 0xd8, 0xff, 0xe0]).buffer;
let clock: FakeClock;
let it: Floor;
let requests: Request[];
let order: string[];
/** What the server's HTTP door says; `down`: the network is gone. */
let say: (request: Request) => [number, unknown] | 'down';

const web = (async (path: string, init: RequestInit) => {
  const headers = init.headers as Record<string, string>;
  const request = {
    path, key: headers['Idempotency-Key'] ?? '', token: headers.Authorization ?? '',
    body: typeof init.body === 'string' ? JSON.parse(init.body) : init.body,
  };
  requests.push(request);
  order.push(path);
  const answer = say(request);
  if (answer === 'down') throw new TypeError('Failed to fetch');
  return new Response(JSON.stringify(answer[1]), { status: answer[0] });
}) as unknown as typeof fetch;

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  sessionStorage.clear();
  clock = new FakeClock();
  requests = [];
  order = [];
  let files = 0;
  say = ({ path }) => (path === '/api/files' ? [201, { id: `f${(files += 1)}` }] : [201, {}]);
  it = await floor(clock, { fetch: web });
  it.server.answer = (frame) => {
    order.push(frame.t);
    return reply(frame.id, { data: { task: { id: 'T-9' } } });
  };
});
afterEach(() => it.wire.stop());

const photo = () => it.wire.keepPhoto(bytes, { note: '外箱破损', name: '1.jpg' });
const state = async (key: string): Promise<unknown> => (await it.wire.photos.get(key))?.state;

async function offline(): Promise<void> {
  it.server.reachable = false;
  it.server.cut();
  await clock.run(50);
}

async function online(): Promise<void> {
  it.server.reachable = true;
  it.wire.connect();
  await clock.run(1_000);
}

test('taken offline: the text first, then the photo hangs on the task it opened', async () => {
  await offline();
  const row = await photo();
  const op = tap('confirm', { ...LINE, inputs: { rejected: '2', reason: '破损' } });
  await it.wire.post(op, { photos: [row.key] });
  await online();
  expect(order).toEqual(['submit', '/api/files', '/api/tasks/T-9/attachments']);
  expect(it.server.effects[0]?.inputs).toEqual({ rejected: '2', reason: '破损' });
  expect(requests[0]).toMatchObject({ key: `file-${row.key}`, token: 'Bearer session-1' });
  expect((requests[0]?.body as FormData).get('file')).toBeInstanceOf(Blob);
  expect(requests[1]).toMatchObject(
    { key: `hang-${row.key}`, body: { file_id: 'f1', note: '外箱破损' } });
  expect(await state(row.key)).toBe('done');
  expect(await it.wire.photos.bytes(row.key)).toBeUndefined();
  expect(it.wire.snapshot().photos).toEqual({ waiting: 0, homeless: 0, failed: 0 });
});

test('uploaded while the form was filled: its id goes with the text, hung once', async () => {
  const rows = [await photo(), await photo()];
  await clock.run(100);
  expect(it.wire.snapshot().photos.waiting).toBe(2);
  await it.wire.post(tap('confirm', LINE), { photos: rows.map((row) => row.key) });
  await clock.run(200);
  expect((it.server.effects[0] as OpFrame).inputs).toEqual({ photos: ['f1', 'f2'] });
  expect(order.filter((each) => each.includes('attachments'))).toEqual([]);
  expect(await state(rows[0]?.key ?? '')).toBe('done');
});

test('a card takes one id in its own field', async () => {
  const row = await photo();
  await clock.run(100);
  await it.wire.post({ t: 'act', id: 'act-000001', task_id: 'T-3', action: 'reject' },
    { photos: [row.key], photoField: 'photo' });
  await clock.run(200);
  expect(it.server.effects[0]).toMatchObject({ inputs: { photo: 'f1' }, task_id: 'T-3' });
});

test('a photo the server demands is waited for', async () => {
  say = () => [503, {}];
  const row = await photo();
  await it.wire.post(tap('confirm', LINE), { photos: [row.key], photosFirst: true });
  await clock.run(1_000);
  expect(it.server.effects).toEqual([]);
  say = ({ path }) => (path === '/api/files' ? [201, { id: 'f1' }] : [201, {}]);
  await clock.run(30_000, 500);
  expect((it.server.effects[0] as OpFrame).inputs).toEqual({ photos: ['f1'] });
});

test('what waited for a photo goes at once when the photo is there', async () => {
  const row = await photo();
  await it.wire.post(tap('confirm', LINE), { photos: [row.key], photosFirst: true });
  await clock.run(300);
  expect((it.server.effects[0] as OpFrame).inputs).toEqual({ photos: ['f1'] });
});

test('a photo for a task hangs there without an operation', async () => {
  const row = await it.wire.keepPhoto(bytes, { task: 'T-5' });
  await clock.run(200);
  expect(order).toEqual(['/api/files', '/api/tasks/T-5/attachments']);
  expect(await state(row.key)).toBe('done');
});

test('lost on the way it goes up again under the same key', async () => {
  let down = 2;
  say = ({ path }) => {
    if (down-- > 0) return 'down';
    return path === '/api/files' ? [201, { id: 'f1' }] : [201, {}];
  };
  const row = await it.wire.keepPhoto(bytes, { task: 'T-5' });
  await clock.run(10_000, 200);
  expect(requests.slice(0, 3).map((each) => each.key)).toEqual(Array(3).fill(`file-${row.key}`));
  expect(await state(row.key)).toBe('done');
});

test('a session that ran out is waited for, a refusal is said and blocks nobody', async () => {
  say = () => [401, {}];
  const row = await it.wire.keepPhoto(bytes, { task: 'T-5' });
  await clock.run(200);
  expect(await state(row.key)).toBe('waiting');
  say = ({ path, key }) => {
    if (key === `file-${row.key}`) return [413, { detail: '照片太大。' }];
    return path === '/api/files' ? [201, { id: 'f2' }] : [201, {}];
  };
  const next = await it.wire.keepPhoto(bytes, { task: 'T-5' });
  await clock.run(5_000, 200);
  expect(await it.wire.photos.get(row.key)).toMatchObject({ state: 'failed', problem: '照片太大。' });
  expect(await state(next.key)).toBe('done');
  expect(it.wire.snapshot().photos.failed).toBe(1);
});

test('an answer that names no task: a person picks one', async () => {
  it.server.answer = (frame) => reply(frame.id, { data: {}, context: {} });
  await offline();
  const row = await photo();
  await it.wire.post(tap('confirm', LINE), { photos: [row.key] });
  await online();
  expect(it.wire.snapshot().photos.homeless).toBe(1);
  await it.wire.attachPhoto(row.key, 'T-7');
  await clock.run(200);
  expect(order.pop()).toBe('/api/tasks/T-7/attachments');
  expect(await state(row.key)).toBe('done');
});

test('a photo still finds its task when its text was forgotten for room', async () => {
  const later = (): [number, unknown] => [503, {}];
  const up = say;
  say = later;
  const row = await photo();
  await it.wire.post(tap('confirm', LINE), { photos: [row.key] });
  await clock.run(300);
  expect(it.server.effects).toHaveLength(1);
  expect(await it.wire.photos.get(row.key)).toMatchObject({ state: 'waiting', task: 'T-9' });
  expect(await it.wire.queue.trim(0, 0)).toBe(0); // what names its task stays as long as it waits
  say = up;
  await clock.run(30_000, 500);
  expect(await state(row.key)).toBe('done');
  expect(order.pop()).toBe('/api/tasks/T-9/attachments');
  expect(await it.wire.queue.trim(0, 0)).toBe(1);
});

test('a photo whose text is gone is for a person to attach, and holds nothing up', async () => {
  const row = await photo();
  await it.wire.photos.update(row.key, { op: 'op-nobody-has' });
  await clock.run(300);
  expect(it.wire.snapshot().photos).toEqual({ waiting: 0, homeless: 1, failed: 0 });
  await it.wire.attachPhoto(row.key, 'T-7');
  await clock.run(200);
  expect(await state(row.key)).toBe('done');
});

test('a refused text keeps its photo for the mended one', async () => {
  it.server.answer = (frame) => (frame.inputs?.reason ? reply(frame.id)
    : refusal(frame.id, 'reason_missing'));
  const row = await photo();
  await clock.run(100);
  const op = tap('confirm', LINE);
  await it.wire.post(op, { photos: [row.key] });
  await clock.run(200);
  expect(await state(row.key)).toBe('uploaded');
  await it.wire.resend(op.id, { inputs: { reason: '破损' } });
  await clock.run(200);
  expect((it.server.effects[0] as OpFrame).inputs).toEqual({ reason: '破损', photos: ['f1'] });
  expect(await state(row.key)).toBe('done');
});

test('a photo of somebody who left waits for him', async () => {
  await offline();
  const row = await it.wire.keepPhoto(bytes, { task: 'T-5' });
  it.server.sessions.clear();
  await online();
  const other = it.wire.signIn('BADGE-ZHANG', '4711');
  await clock.run(300);
  await other;
  expect(requests).toEqual([]);
  const back = it.wire.signIn('BADGE-LI', '4711');
  await clock.run(300);
  await back;
  expect(await state(row.key)).toBe('done');
});

test('a battery that dies mid-photo: it goes up after the restart', async () => {
  await offline();
  const row = await photo();
  const op = tap('confirm', LINE);
  await it.wire.post(op, { photos: [row.key] });
  it.wire.stop();
  it.server.reachable = true;
  it.wire = switchOn(clock, it.server, it.db, { fetch: web });
  await it.wire.start();
  await clock.run(1_000);
  expect(order).toEqual(['submit', '/api/files', '/api/tasks/T-9/attachments']);
  expect(await state(row.key)).toBe('done');
});

test('the task of an answer is the one it changed or the one it opened', () => {
  const of = (data: Record<string, never> | object): string | null =>
    taskOf(reply('x', { data: data as never, context: {} }));
  expect([of({ task: { id: 'A' } }), of({ task_id: 'B' }), of({ tasks: [{ id: 'C' }] }),
    of({ tasks: ['D'] }), of({})]).toEqual(['A', 'B', 'C', 'D', null]);
  const conflict = { task_id: 'E', mine: 'm', server: 's' };
  expect(taskOf(refusal('x', 'already_picked', { conflict }))).toBe('E');
});
