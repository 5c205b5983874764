// A clock that jumps: tests move it, nothing sleeps. Not for the product.

import type { Clock } from '../clock.ts';

declare const setImmediate: (work: (value: unknown) => void) => void; // node's

interface Due { at: number; order: number; work: () => void }

export class FakeClock implements Clock {
  #due: Due[] = [];
  #order = 0;

  constructor(public time = Date.UTC(2026, 2, 2, 1, 0, 0)) {}

  now(): number {
    return this.time;
  }

  after(ms: number, work: () => void): () => void {
    const due = { at: this.time + ms, order: (this.#order += 1), work };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((each) => each !== due);
    };
  }

  /** Let `ms` pass; what falls due runs at its own moment, in order. */
  pass(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const next = this.#due
        .filter((each) => each.at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!next) break;
      this.#due = this.#due.filter((each) => each !== next);
      this.time = Math.max(this.time, next.at);
      next.work();
    }
    this.time = until;
  }

  /** As `pass`, letting promises settle between the steps. */
  async run(ms: number, step = 50): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.pass(Math.min(step, left));
      await settle();
    }
    await settle();
  }
}

/** Let promises and the storage finish what they began. */
export async function settle(rounds = 40): Promise<void> {
  for (let i = 0; i < rounds; i += 1) await new Promise((done) => setImmediate(done));
}
