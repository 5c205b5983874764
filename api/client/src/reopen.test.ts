// The browser closes the storage under the page: it is opened again, and nothing is lost.
import 'fake-indexeddb/auto';
import { forceCloseDatabase, IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { takeTurns } from './lease.ts';
import { openShelf } from './shelf.ts';
import { FakeClock, settle } from './testing/clock.ts';
import { floor, type Floor } from './testing/floor.ts';
import { LINE, tap } from './testing/ops.ts';

const bytes = new Uint8Array([0xff, 0xd8, 0xff]).buffer;
let clock: FakeClock;
let it: Floor;
let connections: IDBDatabase[];

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  sessionStorage.clear();
  connections = [];
  const open = indexedDB.open.bind(indexedDB);
  vi.spyOn(indexedDB, 'open').mockImplementation((...given) => {
    const request = open(...given);
    request.addEventListener('success', () => connections.push(request.result));
    return request;
  });
  clock = new FakeClock();
  it = await floor(clock);
});
afterEach(() => it.wire.stop());

/** As Chrome does when its storage breaks: closed at once, told by an event. */
async function browserCloses(): Promise<void> {
  forceCloseDatabase(connections[connections.length - 1] as never);
  await settle();
}

test('work is recorded and sent as if nothing had happened', async () => {
  const op = tap('confirm', LINE);
  await browserCloses();
  await it.wire.post(op);
  await clock.run(300);
  expect(it.server.effects.map((each) => each.id)).toEqual([op.id]);
  expect(it.wire.snapshot()).toMatchObject({ problem: null, queue: { waiting: 0 } });
  expect(connections).toHaveLength(2);
});

test('again and again', async () => {
  for (let n = 0; n < 3; n += 1) {
    await browserCloses();
    await it.wire.post(tap('confirm', LINE));
    await clock.run(300);
  }
  expect(it.server.effects).toHaveLength(3);
});

test('photos, drafts and the turn to send go on too', async () => {
  const shelf = openShelf(it.db, clock);
  await shelf.put('draft', 'receive/7', { quantity: '12' });
  const row = await it.wire.keepPhoto(bytes);
  await browserCloses();
  expect(await shelf.get('draft', 'receive/7')).toEqual({ quantity: '12' });
  expect(await shelf.all('draft')).toHaveLength(1);
  await shelf.drop('draft', 'receive/7');
  expect((await it.wire.photos.bytes(row.key))?.byteLength).toBe(3);
  await it.wire.photos.update(row.key, { note: '外箱破损' });
  expect((await it.wire.photos.list()).map((each) => each.note)).toEqual(['外箱破损']);
  await it.wire.photos.drop(row.key);
  it.wire.stop();
  await settle();
  await browserCloses();
  const turn = takeTurns({ db: it.db, clock, owner: 'tab-2', changed: () => undefined });
  await clock.run(10_000, 500);
  expect(turn.held()).toBe(true);
  turn.stop();
});

test('while it does not open, that is said; once it does, the same tap is kept', async () => {
  const op = tap('confirm', LINE);
  await browserCloses();
  const open = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('no', 'UnknownError');
  });
  const said = { said: { code: 'storage_closed' } };
  await expect(it.wire.queue.get(op.id)).rejects.toMatchObject(said);
  await expect(it.wire.post(op)).rejects.toMatchObject(said);
  open.mockRestore();
  await it.wire.post(op);
  await clock.run(300);
  expect(it.server.effects.map((each) => each.id)).toEqual([op.id]);
});
