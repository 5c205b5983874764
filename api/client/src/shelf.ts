// Small JSON things that survive a dead page: drafts of screens, offline work packs, settings.
//   shelf.put('draft', 'receive/42', form)   resolves when it is on disk
// Not for operations (queue.ts) and photos (photos.ts).

import type { Db } from './db.ts';
import type { Clock } from './clock.ts';

export type Kind = 'draft' | 'pack' | 'setting';

export interface Shelf {
  put(kind: Kind, key: string, value: unknown): Promise<void>;
  get<T>(kind: Kind, key: string): Promise<T | undefined>;
  all<T>(kind: Kind): Promise<{ key: string; at: number; value: T }[]>;
  drop(kind: Kind, key: string): Promise<void>;
}
export declare function openShelf(db: Db, clock?: Clock): Shelf;
