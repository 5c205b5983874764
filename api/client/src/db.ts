// The IndexedDB of a scanner, opened once. Everything that must survive a dead battery is here.
// If it cannot open, openDb rejects with StorageProblem: say so loudly, never go on silently.
// Not for what the rows mean: queue.ts, photos.ts, shelf.ts, identity.ts.

import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import type { Message } from './frames.ts';
import type { PhotoRow } from './photos.ts';
import type { Entry } from './queue.ts';
import { storageClosed, storageFull } from './said.ts';

export interface Lease { name: string; owner: string; until: number }
export interface ShelfRow { id: string; kind: string; key: string; at: number; value: unknown }

export interface Shape extends DBSchema {
  ops: { key: number; value: Entry; indexes: { id: string; state: string } };
  photos: { key: string; value: PhotoRow; indexes: { state: string } };
  bytes: { key: string; value: { key: string; bytes: ArrayBuffer } };
  shelf: { key: string; value: ShelfRow; indexes: { kind: string } };
  leases: { key: string; value: Lease };
}
export type Db = IDBPDatabase<Shape>;
/** A change of the queue and of the photos that prove it: all of it or nothing. */
export type Changes = IDBPTransaction<Shape, ('ops' | 'photos')[], 'readwrite'>;

/** The device could not keep something. `said` is for the person, in both languages. */
export class StorageProblem extends Error {
  constructor(readonly said: Message) {
    super(said.code);
  }
}

/** On disk before it is answered: a battery that dies then must not take it along. */
export const STRICT: IDBTransactionOptions = { durability: 'strict' };

const OPEN_MS = 8_000; // some browsers never answer an open at all

export async function openDb(name = 'jieli', openMs = OPEN_MS): Promise<Db> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StorageProblem(storageClosed)), openMs);
  });
  try {
    const db = await Promise.race([open(name, () => broken(db)), tooLong]);
    askToKeep();
    return db;
  } catch {
    throw new StorageProblem(storageClosed);
  } finally {
    clearTimeout(timer);
  }
}

const reopened = new WeakMap<Db, () => Promise<Db>>();

/** The browser closed `db` under the page (its storage broke): the next use opens another. */
function broken(db: Db): void {
  let next: Promise<Db> | null = null;
  reopened.set(db, () => {
    if (!next) next = openDb(db.name).catch((error) => { next = null; throw error; });
    return next.then(opened);
  });
}

/** `db`, or the one that was opened after the browser closed it. Rejects with StorageProblem. */
export async function opened(db: Db): Promise<Db> {
  const again = reopened.get(db);
  return again ? again() : db;
}

function open(name: string, terminated: () => void): Promise<Db> {
  if (typeof indexedDB === 'undefined') return Promise.reject(new StorageProblem(storageClosed));
  return openDB<Shape>(name, 1, {
    upgrade(db) {
      const ops = db.createObjectStore('ops', { keyPath: 'n', autoIncrement: true });
      ops.createIndex('id', 'id', { unique: true });
      ops.createIndex('state', 'state');
      db.createObjectStore('photos', { keyPath: 'key' }).createIndex('state', 'state');
      db.createObjectStore('bytes', { keyPath: 'key' });
      db.createObjectStore('shelf', { keyPath: 'id' }).createIndex('kind', 'kind');
      db.createObjectStore('leases', { keyPath: 'name' });
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close(); // a newer page wants to upgrade
    },
    terminated,
  });
}

/** Not evicted under disk pressure, where the browser grants it; there only over TLS. */
function askToKeep(): void {
  const storage = typeof navigator === 'undefined' ? undefined : navigator.storage;
  if (storage && storage.persist) storage.persist().catch(() => undefined);
}

/** Only plain JSON is kept: a reactive object would fail to clone, and the action be lost. */
export function asJson<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}

/** What a failed write means for the person. */
export function writeProblem(error: unknown, full: Message = storageFull): StorageProblem {
  if (error instanceof StorageProblem) return error;
  const name = (error as { name?: string } | null)?.name;
  return new StorageProblem(name === 'QuotaExceededError' ? full : storageClosed);
}

/** What one request or transaction answers. Rejects with StorageProblem. */
export async function use<T>(db: Db, at: (db: Db) => Promise<T>): Promise<T> {
  return opened(db).then(at).catch((error) => { throw writeProblem(error); });
}

/** On disk when it resolves; when `work` fails, nothing of it is. Rejects with StorageProblem. */
export async function change<T>(db: Db, work: (tx: Changes) => Promise<T>): Promise<T> {
  try {
    const tx: Changes = (await opened(db)).transaction(['ops', 'photos'], 'readwrite', STRICT);
    const done = work(tx).catch((error: unknown) => undo(tx, error));
    const [found] = await Promise.all([done, tx.done]);
    return found;
  } catch (error) {
    throw writeProblem(error);
  }
}

function undo(tx: Changes, why: unknown): never {
  try {
    tx.abort();
  } catch {
    // It is undone already.
  }
  throw why;
}
