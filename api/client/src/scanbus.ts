// One stream of scans out of several channels: keys of a wedge, text an input method injects into
// an invisible field, a native shell (window.__pdaScan), the camera (inject). One arbiter drops the
// same code from another channel within 300 ms; the same code again from the same channel counts.
//   const bus = createScanBus(); bus.hear((scan) => …);
//   const stop = bus.attach(makeCatcher(document));
// Separators (0x1D) and symbology prefixes stay in `code`; `odd` says letters no barcode holds.
// A burst that lands in a real field is taken out of it again; typing is never touched. A field
// with data-scan="own" keeps what is scanned into it. Not for what a code means.

import { Arbiter, type Channel } from './arbiter.ts';
import { KeyChannel, LEAST, TextChannel, type Emit } from './channels.ts';
import { realClock, type Clock } from './clock.ts';

export type { Channel };

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

export interface ScanBusOptions {
  clock?: Clock;
  page?: Window;
  /** When an event happened; the hardware's time by default, so a busy page splits no burst. */
  stamp?: (event: Event) => number;
}

const REFOCUS_MS = 50;

type ShellPage = Window & { __pdaScan?: (code: string) => void };

export function createScanBus(options: ScanBusOptions = {}): ScanBus {
  return new Bus(options.clock ?? realClock, options.page ?? window,
    options.stamp ?? ((event) => event.timeStamp));
}

/** The invisible field. `inputmode=none`: no keyboard pops up, and injected text still arrives. */
export function makeCatcher(page: Document): HTMLInputElement {
  const node = page.createElement('input');
  node.id = 'scan-catcher';
  node.type = 'text';
  node.tabIndex = -1;
  for (const [name, value] of [['inputmode', 'none'], ['autocomplete', 'off'],
    ['autocorrect', 'off'], ['autocapitalize', 'off'], ['spellcheck', 'false'],
    ['aria-hidden', 'true']] as const) node.setAttribute(name, value);
  node.style.cssText = 'position:fixed;left:0;top:0;width:1px;height:1px;opacity:0;border:0;'
    + 'padding:0;pointer-events:none';
  page.body.appendChild(node);
  return node;
}

class Bus implements ScanBus {
  #arbiter = new Arbiter();
  #listeners = new Set<(scan: Scan) => void>();
  #catcher: HTMLInputElement | null = null;

  constructor(readonly clock: Clock, readonly page: Window,
    readonly stamp: (event: Event) => number) {}

  hear(listener: (scan: Scan) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  inject(code: string, channel: 'camera' | 'shell' = 'camera'): void {
    this.#emit(String(code), channel, 0, 1);
  }

  attach(catcher: HTMLInputElement): () => void {
    const emit: Emit = (code, channel, ms) => this.#emit(code, channel, ms, LEAST);
    const text = new TextChannel(catcher, this.clock, this.stamp, emit);
    const keys = new KeyChannel(catcher, this.clock, this.stamp, emit, () => text.end());
    const refocus = (): void => { this.clock.after(REFOCUS_MS, () => this.focus()); };
    const page: ShellPage = this.page;
    const hook = (code: string): void => this.inject(code, 'shell');
    page.__pdaScan = hook;
    page.document.addEventListener('keydown', keys.onKey, true);
    page.document.addEventListener('focusout', refocus);
    this.#catcher = catcher;
    this.focus();
    return () => {
      page.document.removeEventListener('keydown', keys.onKey, true);
      page.document.removeEventListener('focusout', refocus);
      text.stop();
      if (page.__pdaScan === hook) delete page.__pdaScan;
      this.#catcher = null;
    };
  }

  focus(): void {
    const active = this.page.document.activeElement;
    if (!this.#catcher || active === this.#catcher || isBusy(active)) return;
    this.#catcher.focus({ preventScroll: true });
  }

  #emit(raw: string, channel: Channel, ms: number, least: number): void {
    const code = raw.replace(/[\r\n\t]+$/, '');
    const at = this.clock.now();
    if (code.length < least || !this.#arbiter.admit(code, channel, at)) return;
    const odd = /[^\u0000-\u007f]/.test(code);
    const scan: Scan = { code, channel, ms: Math.round(ms), at, odd };
    this.#listeners.forEach((listener) => listener(scan));
  }
}

function isBusy(node: Element | null): boolean {
  if (!node) return false;
  if (node.tagName === 'TEXTAREA' || node.tagName === 'SELECT') return true;
  if (node.tagName === 'INPUT') {
    return !/^(button|submit|checkbox|radio|file|range)$/.test((node as HTMLInputElement).type);
  }
  return (node as HTMLElement).isContentEditable === true;
}
