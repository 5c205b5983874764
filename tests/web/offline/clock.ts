// The device's clock: seconds pass fast, hours are jumped over, and a tab that died hears nothing.

import type { Clock } from '@jieli/client/clock';

export const SPEED = 40; // waiting is what a day is made of

export class DeviceClock {
  #began = Date.now();
  #ahead = Date.UTC(2026, 2, 2, 1) - Date.now();

  now(): number {
    return Date.now() + (Date.now() - this.#began) * (SPEED - 1) + this.#ahead;
  }

  /** Set forward or back by hand, or slept through. */
  jump(hours: number): void {
    this.#ahead += hours * 3_600_000;
  }
}

export class TabClock implements Clock {
  alive = true;

  constructor(readonly device: DeviceClock) {}

  now = (): number => this.device.now();

  after(ms: number, work: () => void): () => void {
    const timer = setTimeout(() => { if (this.alive) work(); }, ms / SPEED);
    return () => clearTimeout(timer);
  }
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((done) => { setTimeout(done, ms); });
