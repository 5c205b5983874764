// Photos: bytes in their own store, written first; a row says where each photo stands.
//   keep(bytes, …)  rejects with StorageProblem(storage_full): say it, and post the text without it
// The text fact goes first; a photo uploads by itself (upload.ts) and is then hung on its task.
// Not for taking or shrinking pictures.

import { realClock, type Clock } from './clock.ts';
import { use, opened, STRICT, writeProblem, type Db } from './db.ts';
import { draftId } from './ids.ts';
import { photoNotKept } from './said.ts';

export type PhotoState =
  | 'waiting' // on the device
  | 'uploaded' // the server has the bytes; the operation or the task is still to be told
  | 'homeless' // as uploaded, and the answer named no task: a person picks one
  | 'done' // in the operation or on the task
  | 'failed'; // refused; `problem` says why

export interface PhotoRow {
  key: string;
  /** The person who took it: it goes up under his session only. */
  by: number;
  at: string;
  type: string;
  size: number;
  name: string;
  note: string;
  /** The operation it proves, once that is posted. */
  op: string | null;
  /** The task it will hang on; known at once, or from the answer to the operation. */
  task: string | null;
  state: PhotoState;
  fileId: string | null;
  problem: string;
}

export interface PhotoCounts {
  /** On the device, or not yet hung where they belong. */
  waiting: number;
  /** A person must pick their task (wire.attachPhoto). */
  homeless: number;
  failed: number;
}

export interface KeepOptions {
  by: number;
  at: string;
  type?: string;
  name?: string;
  note?: string;
  task?: string | null;
}

export interface Photos {
  keep(bytes: ArrayBuffer, options: KeepOptions): Promise<PhotoRow>;
  get(key: string): Promise<PhotoRow | undefined>;
  bytes(key: string): Promise<ArrayBuffer | undefined>;
  list(): Promise<PhotoRow[]>;
  /** Change a row; `done` frees its bytes. */
  update(key: string, change: Partial<Omit<PhotoRow, 'key'>>): Promise<PhotoRow | undefined>;
  /** Give one up: row and bytes go. */
  drop(key: string): Promise<void>;
}

export function openPhotos(db: Db, clock: Clock = realClock): Photos {
  return {
    async keep(bytes, options) {
      const row: PhotoRow = {
        key: draftId(clock.now()), by: options.by, at: options.at, size: bytes.byteLength,
        type: options.type ?? 'image/jpeg', name: options.name ?? 'photo.jpg',
        note: options.note ?? '', op: null, task: options.task ?? null,
        state: 'waiting', fileId: null, problem: '',
      };
      try {
        const live = await opened(db);
        const first = live.transaction('bytes', 'readwrite', STRICT);
        await Promise.all([first.store.put({ key: row.key, bytes }), first.done]);
        const second = live.transaction('photos', 'readwrite', STRICT);
        await Promise.all([second.store.put(row), second.done]);
      } catch (error) {
        throw writeProblem(error, photoNotKept);
      }
      return row;
    },
    get: (key) => use(db, (it) => it.get('photos', key)),
    bytes: async (key) => (await use(db, (it) => it.get('bytes', key)))?.bytes,
    list: () => use(db, (it) => it.getAll('photos')),
    update: (key, change) => use(db, async (it) => {
      const tx = it.transaction(['photos', 'bytes'], 'readwrite', STRICT);
      const row = await tx.objectStore('photos').get(key);
      const after = row && { ...row, ...change };
      if (after) await tx.objectStore('photos').put(after);
      if (after?.state === 'done') await tx.objectStore('bytes').delete(key);
      await tx.done;
      return after;
    }),
    drop: (key) => use(db, async (it) => {
      const tx = it.transaction(['photos', 'bytes'], 'readwrite', STRICT);
      await Promise.all([tx.objectStore('photos').delete(key), tx.objectStore('bytes').delete(key),
        tx.done]);
    }),
  };
}
