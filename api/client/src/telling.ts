// Tells the screens: one snapshot after everything that changed in a turn of the loop, with the
// queue and the photos counted. Not for what happened to the scanner (hearing.ts).

import type { Photos, PhotoCounts } from './photos.ts';
import type { Counts, Queue } from './queue.ts';
import type { Snapshot } from './wire.ts';

type Rest = Omit<Snapshot, 'queue' | 'photos'>;

export class Telling {
  #listeners = new Set<(snapshot: Snapshot) => void>();
  #counts: Counts = { waiting: 0, refused: 0, others: 0, oldestAt: null };
  #photos: PhotoCounts = { waiting: 0, homeless: 0, failed: 0 };
  #told = true;
  #counting = false;
  #recount = false;

  constructor(readonly queue: Queue, readonly photos: Photos,
    readonly rest: (waiting: number) => Rest, readonly failed: (error: unknown) => void) {}

  snapshot(): Snapshot {
    return { ...this.rest(this.#counts.waiting), queue: this.#counts, photos: this.#photos };
  }

  subscribe(listener: (snapshot: Snapshot) => void): () => void {
    this.#listeners.add(listener);
    listener(this.snapshot());
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    if (!this.#told) return;
    this.#told = false;
    Promise.resolve().then(() => {
      this.#told = true;
      const now = this.snapshot();
      this.#listeners.forEach((listener) => listener(now));
    }, () => undefined);
  }

  /** Count again, then tell. Calls while it counts are one more count, not many. */
  recount(person: () => number | null): void {
    this.#recount = true;
    if (this.#counting) return;
    this.#counting = true;
    this.#count(person).catch(this.failed).then(() => { this.#counting = false; }, () => undefined);
  }

  async #count(person: () => number | null): Promise<void> {
    while (this.#recount) {
      this.#recount = false;
      const rows = await this.photos.list();
      const of = (...states: string[]): number =>
        rows.filter((each) => states.indexOf(each.state) >= 0).length;
      this.#counts = await this.queue.counts(person());
      this.#photos = {
        waiting: of('waiting', 'uploaded'), homeless: of('homeless'), failed: of('failed'),
      };
      this.changed();
    }
  }
}

/** A way to listen to `listeners`; what it answers stops it. */
export function on<T>(listeners: Set<T>): (listener: T) => () => void {
  return (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
}
