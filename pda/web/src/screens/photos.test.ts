// A photo that is not wanted after all is gone: from the disk, from what waits, from the update's way.
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { reactive } from 'vue';
import PhotoStrip from '../parts/PhotoStrip.vue';
import { book, live, shelf, wire } from '../state/live.ts';
import { mayUpdate, shell } from '../state/updates.ts';
import QueueScreen from './QueueScreen.vue';
import ReturnScreen from './ReturnScreen.vue';
import { soon, takeGun, until, type Gun } from './testing.ts';

let gun: Gun;
beforeAll(async () => {
  const answer = (): Response => new Response(JSON.stringify({ id: 'f1' }), { status: 201 });
  globalThis.fetch = () => Promise.resolve(answer());
  gun = await takeGun();
  shell.waiting = true;
});
beforeEach(async () => {
  gun.leave();
  for (const row of await wire.photos.list()) await wire.photos.drop(row.key);
});
const kept = async (): Promise<string[]> => (await wire.photos.list()).map((each) => each.key);

test('a photo that was taken back is gone, and the page may update itself', async () => {
  const { key } = await wire.keepPhoto(new ArrayBuffer(3));
  await until(() => live.photos.waiting === 1);
  expect(mayUpdate()).toBe(false);
  const revoked = vi.spyOn(URL, 'revokeObjectURL');
  const keys = reactive([key]);
  await gun.open(PhotoStrip, { keys, onDrop: () => keys.pop() });
  await until(() => gun.page.querySelector('.thumb img'));
  await gun.tap('✕');
  await until(() => mayUpdate());
  expect(await kept()).toEqual([]);
  expect(revoked).toHaveBeenCalledOnce();
});

test('a photo that proves recorded work is not taken back by an old form', async () => {
  const { key } = await wire.keepPhoto(new ArrayBuffer(3));
  gun.floor.reachable = false;
  const done = { line_id: 'l1', quantity: '1' };
  await book('s-told-0001', 'back', 'customer', done, { photos: [key] });
  await gun.open(PhotoStrip, { keys: [key] });
  await gun.tap('✕');
  await soon();
  expect(await kept()).toEqual([key]);
  gun.floor.reachable = true;
  await gun.settled();
});

test('who puts the goods back leaves no photo of them behind', async () => {
  const lids = { item_id: 1, item_code: 'JL-201', item_name: '杯盖', unit: '只', tracking: 'none' };
  const line = { ...lids, barcodes: [{ code: '6901002002013', per_scan: '1' }], lots: [] };
  const lines = [{ ...line, id: 'l1', lot: '', quantity: '1', version: '0' }];
  gun.floor.pack = () => ({ sale: { id: 's1', code: 'XS-1', customer: '青禾' }, lines });
  const { key } = await wire.keepPhoto(new ArrayBuffer(3));
  const begun = { row: 'l1/', quantity: 1_000_000, serials: [], way: 'customer', condition: 'good' };
  const draft = { ...begun, supplier: '', reason: '破损', photos: [key], op: 'p-back-0001' };
  await shelf.put('draft', 'back/sale:s1', draft);
  await gun.open(ReturnScreen, { work: 'sale:s1' });
  await gun.tap('更多');
  await until(() => document.body.textContent!.includes('放回去，重来'));
  const keys = Array.from(document.querySelectorAll('button'));
  keys.find((each) => each.textContent!.includes('放回去，重来'))!.click();
  await until(() => mayUpdate());
  expect(await kept()).toEqual([]);
});

test('a photo without a task can be discarded, after a second look; not one of a begun form', async () => {
  const mine = await wire.keepPhoto(new ArrayBuffer(3)),
    held = await wire.keepPhoto(new ArrayBuffer(3));
  for (const { key } of [mine, held]) await wire.photos.update(key, { state: 'uploaded' });
  await shelf.put('draft', 'photo', { note: '', about: '', task: '', photos: [held.key] });
  await gun.open(QueueScreen);
  await until(() => gun.shows().includes('照片还没有任务'));
  expect(gun.shows().split('丢弃这张照片')).toHaveLength(2);
  await gun.tap('丢弃这张照片');
  expect(await kept()).toHaveLength(2);
  await gun.tap('确定丢弃');
  await soon();
  expect(await kept()).toEqual([held.key]);
  expect(gun.shows()).not.toContain('丢弃');
});
