// The device's clock and timers behind one small port, so tests can jump in time.
// Not for business time: the server's clock decides, this one only measures waiting.

export interface Clock {
  /** Milliseconds since 1970 as the device believes. */
  now(): number;
  /** Run `work` once after `ms`; the result cancels it. */
  after(ms: number, work: () => void): () => void;
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};
