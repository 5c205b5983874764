// Photos, drafts and the turn to send: what else lives in the scanner's storage.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, expect, test, vi } from 'vitest';
import { openDb, type Db } from './db.ts';
import { takeTurns } from './lease.ts';
import { openPhotos } from './photos.ts';
import { openShelf } from './shelf.ts';
import { FakeClock, settle } from './testing/clock.ts';

let db: Db;
let clock: FakeClock;
const LI = { by: 5, at: '2026-03-02T01:00:00.000Z' };
const bytes = new Uint8Array([0xff, 0xd8, 0xff]).buffer;

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  clock = new FakeClock();
  db = await openDb();
});

test('a photo keeps its bytes apart until it is done', async () => {
  const photos = openPhotos(db, clock);
  const row = await photos.keep(bytes, { ...LI, note: '外箱破损' });
  expect(JSON.stringify(row)).not.toContain('bytes');
  expect((await photos.bytes(row.key))?.byteLength).toBe(3);
  await photos.update(row.key, { state: 'uploaded', fileId: 'f1' });
  expect(await photos.bytes(row.key)).toBeDefined();
  await photos.update(row.key, { state: 'done' });
  expect(await photos.bytes(row.key)).toBeUndefined();
  expect(await photos.get(row.key)).toMatchObject({ state: 'done', note: '外箱破损' });
});

test('a photo that does not fit says so and leaves no row behind', async () => {
  const photos = openPhotos(db, clock);
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  await expect(photos.keep(bytes, LI)).rejects.toMatchObject(
    { said: { code: 'storage_full', text: expect.stringContaining('照片没存下') } });
  expect(await photos.list()).toEqual([]);
});

test('drafts and packs are JSON, come back after a restart, and go when dropped', async () => {
  const shelf = openShelf(db, clock);
  await shelf.put('draft', 'receive/7', { quantity: '12', photos: new Proxy(['p-1'], {}) });
  await shelf.put('pack', 'wave-3', { lines: [1] });
  db.close();
  const again = openShelf(await openDb(), clock);
  expect(await again.get('draft', 'receive/7')).toEqual({ quantity: '12', photos: ['p-1'] });
  expect(await again.all('pack')).toEqual([
    { key: 'wave-3', at: clock.now(), value: { lines: [1] } }]);
  await again.drop('draft', 'receive/7');
  expect(await again.get('draft', 'receive/7')).toBeUndefined();
});

function turn(owner: string) {
  let changes = 0;
  const it = takeTurns({ db, clock, owner, changed: () => { changes += 1; } });
  return { ...it, changes: () => changes };
}

test('without locks one tab has the turn, and another takes over when it dies', async () => {
  const one = turn('tab-1');
  await settle();
  const two = turn('tab-2');
  await clock.run(20_000, 500);
  expect([one.held(), two.held()]).toEqual([true, false]);
  one.stop();
  await clock.run(4_000, 500);
  expect([one.held(), two.held()]).toEqual([false, true]);
  two.stop();
});

test('a tab that was killed loses its turn after seconds', async () => {
  await db.put('leases', { name: 'queue', owner: 'dead', until: clock.now() + 6_000 });
  const two = turn('tab-2');
  await clock.run(4_000, 500);
  expect(two.held()).toBe(false);
  await clock.run(5_000, 500);
  expect(two.held()).toBe(true);
  two.stop();
});

test('a lease from a clock that ran three hours ahead is no lease', async () => {
  await db.put('leases', { name: 'queue', owner: 'dead', until: clock.now() + 10_800_000 });
  const two = turn('tab-2');
  await settle();
  expect(two.held()).toBe(true);
  two.stop();
});

test('with locks the browser decides', async () => {
  const waiting: (() => Promise<void> | undefined)[] = [];
  const locks = { request: (_: string, work: () => Promise<void> | undefined) => {
    waiting.push(work);
    return Promise.resolve();
  } } as unknown as LockManager;
  const one = takeTurns({ db, clock, owner: 'tab-1', changed: () => undefined, locks });
  expect(one.held()).toBe(false);
  const until = waiting[0]?.();
  expect(one.held()).toBe(true);
  one.stop();
  await until;
  expect(one.held()).toBe(false);
});
