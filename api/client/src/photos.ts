// Photos: bytes in their own store, written first; a row says where each photo stands.
//   keep(bytes, …)  throws StorageProblem(storage_full): say it, and post the text without it
// The text fact goes first; a photo uploads by itself (upload.ts) and is then hung on its task.
// Not for taking or shrinking pictures.

import type { Db } from './db.ts';
import type { Clock } from './clock.ts';

export type PhotoState =
  | 'waiting' // on the device
  | 'uploaded' // the server has the bytes, its task is not known yet
  | 'done' // in the operation or on the task
  | 'failed'; // refused; `problem` says why

export interface PhotoRow {
  key: string;
  by: number;
  at: string;
  type: string;
  size: number;
  name: string;
  note: string;
  op: string | null;
  task: string | null;
  state: PhotoState;
  fileId: string | null;
  problem: string;
}

export interface PhotoCounts { waiting: number; homeless: number; failed: number }

export interface KeepOptions { by: number; at: string; type?: string; name?: string; note?: string;
  task?: string | null }

export interface Photos {
  keep(bytes: ArrayBuffer, options: KeepOptions): Promise<PhotoRow>;
  get(key: string): Promise<PhotoRow | undefined>;
  bytes(key: string): Promise<ArrayBuffer | undefined>;
  list(): Promise<PhotoRow[]>;
  update(key: string, change: Partial<Omit<PhotoRow, 'key'>>): Promise<PhotoRow | undefined>;
  drop(key: string): Promise<void>;
  counts(): Promise<PhotoCounts>;
}
export declare function openPhotos(db: Db, clock?: Clock): Photos;
