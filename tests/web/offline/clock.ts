// The device's clock: seconds pass fast, hours are jumped over, and a tab that died hears nothing.

import type { Clock } from '@jieli/client/clock';

const CALM = 2; // while the device is made ready, which is not what is tried here
const FAST = 40; // waiting is what a day is made of

export class DeviceClock {
  speed = CALM;
  #at = Date.UTC(2026, 2, 2, 1);
  #since = Date.now();

  now(): number {
    return this.#at + (Date.now() - this.#since) * this.speed;
  }

  /** Set forward or back by hand, or slept through. */
  jump(hours: number): void {
    this.#at += hours * 3_600_000;
  }

  hurry(): void {
    this.#at = this.now();
    this.#since = Date.now();
    this.speed = FAST;
  }
}

export class TabClock implements Clock {
  alive = true;

  constructor(readonly device: DeviceClock) {}

  now = (): number => this.device.now();

  after(ms: number, work: () => void): () => void {
    const timer = setTimeout(() => { if (this.alive) work(); }, ms / this.device.speed);
    return () => clearTimeout(timer);
  }
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((done) => { setTimeout(done, ms); });
