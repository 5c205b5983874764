// Questions put to the server that a person waits for: each is answered, refused, or over in time.
// Not for operations: those are kept and sent until they are answered (queue.ts).

import type { Clock } from './clock.ts';
import type { Message } from './frames.ts';
import { noAnswer, Refused } from './said.ts';

interface Open { resolve: (value: unknown) => void; reject: (why: Refused) => void }

export class Asking {
  #open = new Map<string, Open>();

  constructor(readonly clock: Clock) {}

  /** Ask by `send`, which says whether it went out. */
  ask<T>(id: string, send: () => boolean, ms: number): Promise<T> {
    this.refuse(id, noAnswer);
    return new Promise<T>((resolve, reject) => {
      const open: Open = { resolve: resolve as (value: unknown) => void, reject };
      this.#open.set(id, open);
      this.clock.after(ms, () => {
        if (this.#open.get(id) === open) this.refuse(id, noAnswer);
      });
      if (!send()) this.refuse(id, noAnswer);
    });
  }

  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** Whether somebody waited for it. */
  answer(id: string, value: unknown): boolean {
    const open = this.#open.get(id);
    this.#open.delete(id);
    if (open) open.resolve(value);
    return !!open;
  }

  refuse(id: string, why: Message): boolean {
    const open = this.#open.get(id);
    this.#open.delete(id);
    if (open) open.reject(new Refused(why));
    return !!open;
  }

  /** The connection is gone; `but` goes on over the next one. */
  lost(but: string): void {
    Array.from(this.#open.keys()).forEach((id) => { if (id !== but) this.refuse(id, noAnswer); });
  }
}
