// Small JSON things that survive a dead page: drafts of screens, offline work packs, settings.
//   await shelf.put('draft', 'receive/42', form)   resolves when it is on disk
// Not for operations (queue.ts) and photos (photos.ts).

import { realClock, type Clock } from './clock.ts';
import { asJson, use, opened, STRICT, writeProblem, type Db } from './db.ts';

export type Kind = 'draft' | 'pack' | 'setting' | 'wire';

export interface Shelf {
  put(kind: Kind, key: string, value: unknown): Promise<void>;
  get<T>(kind: Kind, key: string): Promise<T | undefined>;
  all<T>(kind: Kind): Promise<{ key: string; at: number; value: T }[]>;
  drop(kind: Kind, key: string): Promise<void>;
}

export function openShelf(db: Db, clock: Clock = realClock): Shelf {
  return {
    async put(kind, key, value) {
      const row = { id: `${kind}/${key}`, kind, key, at: clock.now(), value: asJson(value) };
      try {
        const tx = (await opened(db)).transaction('shelf', 'readwrite', STRICT);
        await Promise.all([tx.store.put(row), tx.done]);
      } catch (error) {
        throw writeProblem(error);
      }
    },
    async get<T>(kind: Kind, key: string) {
      const row = await use(db, (it) => it.get('shelf', `${kind}/${key}`));
      return row?.value as T | undefined;
    },
    async all<T>(kind: Kind) {
      const rows = await use(db, (it) => it.getAllFromIndex('shelf', 'kind', kind));
      return rows.map(({ key, at, value }) => ({ key, at, value: value as T }));
    },
    drop: (kind, key) => use(db, (it) => it.delete('shelf', `${kind}/${key}`)),
  };
}
