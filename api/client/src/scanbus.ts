// One stream of scans out of several channels: keys of a wedge, text an input method injects into
// an invisible field, a native shell (window.__pdaScan), the camera (inject). One arbiter drops the
// same code from another channel within 300 ms; the same code again from the same channel counts.
//   const bus = createScanBus(); const stop = bus.attach(makeCatcher(document)); bus.hear(scan => …)
// Separators (0x1D) and symbology prefixes stay in `code`; `odd` says letters no barcode holds.
// Not for what a code means.

import { realClock, type Clock } from './clock.ts';

export type Channel = 'keys' | 'text' | 'shell' | 'camera';

export interface Scan {
  code: string;
  channel: Channel;
  /** From the first character to the end of the scan. */
  ms: number;
  at: number;
  /** Not ASCII: an input method was in the way. */
  odd: boolean;
}

export interface ScanBus {
  /** Listen to the page and to `catcher`; the result stops it. Call once, on mount. */
  attach(catcher: HTMLInputElement): () => void;
  hear(listener: (scan: Scan) => void): () => void;
  inject(code: string, channel?: 'camera' | 'shell'): void;
  /** Put the focus back into the catcher unless somebody types. */
  focus(): void;
}
export declare function createScanBus(options?: { clock?: Clock; page?: Window }): ScanBus;
export declare function makeCatcher(page: Document): HTMLInputElement;
void realClock;
