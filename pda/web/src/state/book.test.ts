// A step that was refused is done anew: it is the work of who does it now, with what he shows now.
import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { refusal, reply } from '../../../../api/client/src/testing/ops.ts';
import { openPage, until, type Page } from '../testing/page.ts';

const LI = 5;
const ZHANG = 6;
const STEP = 's-step-0001';
let it: Page;
let files = 0;
const web = (async () =>
  new Response(JSON.stringify({ id: `f${(files += 1)}` }), { status: 201 })) as typeof fetch;

beforeEach(async () => {
  files = 0;
  it = await openPage(web);
});
afterEach(() => {
  it.live.wire.stop();
  vi.unstubAllGlobals();
});

const entry = async (id = STEP) => (await it.live.wire.queue.get(id))!;
const pick = (quantity: string) => it.live.book(STEP, 'pick', 'pick', { line_id: 'x', quantity });

async function refused(): Promise<void> {
  it.server.answer = (frame) => refusal(frame.id, 'not_enough');
  await pick('1');
  await until(async () => (await entry()).state === 'refused');
}

async function colleague(): Promise<void> {
  await it.live.wire.signOut();
  await it.signIn('BADGE-ZHANG');
  it.server.answer = (frame) => reply(frame.id);
}

test('a colleague does it anew on the same scanner: it is booked at once, as his', async () => {
  await refused();
  const before = (await entry()).at;
  await colleague();
  expect(await pick('2')).toBe('kept');
  await until(() => it.server.effects.length);
  const [done] = it.server.effects;
  expect(done).toMatchObject({ id: STEP, by: ZHANG, inputs: { quantity: '2' } });
  expect(Date.parse(done!.at)).toBeGreaterThan(Date.parse(before));
});

test('what happened to the first one is still told, and is never sent again', async () => {
  await refused();
  await colleague();
  await pick('2');
  await until(async () => (await entry()).state === 'sent');
  const his = (await it.live.wire.queue.list()).filter((each) => each.by === LI);
  expect(his).toMatchObject([
    { state: 'abandoned', seen: false, op: { inputs: { quantity: '1' } } },
  ]);
  expect(his[0]!.said!.text).toMatch(/别人.*不再上传.*not_enough/);
  expect(his[0]!.said!.en).toMatch(/somebody else.*not_enough/);
  await it.live.wire.signOut();
  await it.signIn('BADGE-LI');
  await it.live.wire.resend(his[0]!.id); // not offered, and not possible either
  await until(() => it.live.live.queue.waiting === 0);
  expect(it.server.effects.map((each) => each.by)).toEqual([ZHANG]);
});

test('who does his own step anew has one entry, as of now', async () => {
  await refused();
  it.server.answer = (frame) => reply(frame.id);
  await pick('2');
  await until(async () => (await entry()).state === 'sent');
  const all = await it.live.wire.queue.list();
  const shown = all.map((each) => [each.id, each.by, each.op.inputs!.quantity]);
  expect(shown).toEqual([[STEP, LI, '2']]);
});

test('the second tap of a step that waits or is booked adds nothing', async () => {
  it.server.answer = (frame) => reply(frame.id);
  expect([await pick('1'), await pick('1')]).toEqual(['kept', 'same']);
  await until(async () => (await entry()).state === 'sent');
  expect(await pick('1')).toBe('same');
});

test('an id the server keeps another answer under is done anew under a new one', async () => {
  it.server.answer = (frame) => refusal(frame.id, 'key_reused');
  await pick('1');
  await until(async () => (await entry()).state === 'conflict');
  it.server.answer = (frame) => reply(frame.id);
  expect(await pick('2')).toBe('kept');
  await until(() => it.server.effects.length);
  expect(it.server.effects[0]!.id).not.toBe(STEP);
});

test('photos of the second try go along, and are waited for', async () => {
  it.server.answer = (frame) => refusal(frame.id, 'photo_needed');
  const give = (photos: string[]) =>
    it.live.book(STEP, 'back', 'customer', { line_id: 'x' }, { photos, photosFirst: true });
  await give([]);
  await until(async () => (await entry()).state === 'refused');
  it.server.answer = (frame) => reply(frame.id);
  const row = await it.live.wire.keepPhoto(new ArrayBuffer(3));
  await give([row.key]);
  await until(() => it.server.effects.length);
  expect(it.server.effects[0]!.inputs).toEqual({ line_id: 'x', photos: ['f1'] });
  await until(async () => (await it.live.wire.photos.get(row.key))!.state === 'done');
});
