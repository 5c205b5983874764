// The IndexedDB of a scanner, opened once. Everything that must survive a dead battery is here.
// If it cannot open, openDb rejects with StorageClosed: say so loudly, never go on silently.
// Not for what the rows mean: queue.ts, photos.ts, shelf.ts.

import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Entry } from './queue.ts';
import type { PhotoRow } from './photos.ts';
import type { Message } from './frames.ts';

export interface Lease { owner: string; until: number }

export interface Shape extends DBSchema {
  ops: { key: number; value: Entry; indexes: { id: string; state: string } };
  photos: { key: string; value: PhotoRow; indexes: { state: string } };
  bytes: { key: string; value: { key: string; bytes: ArrayBuffer } };
  shelf: { key: string; value: { key: string; kind: string; at: number; value: unknown };
    indexes: { kind: string } };
  leases: { key: string; value: Lease & { name: string } };
}
export type Db = IDBPDatabase<Shape>;

/** The device could not keep something. `message` is for the person, in both languages. */
export class StorageProblem extends Error {
  constructor(readonly code: 'storage_closed' | 'storage_full', readonly said: Message) {
    super(code);
  }
}
export declare function openDb(name?: string): Promise<Db>;
