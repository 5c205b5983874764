// The two channels a scan reaches a page by: key events, and text put into the catcher. Each
// decides by rhythm what is a scan and what is typing. Not for twins (arbiter.ts).

import type { Channel } from './arbiter.ts';
import type { Clock } from './clock.ts';

export const GAP_MS = 100; // longer between two characters: not the same scan
const FAST_MS = 35; // mean per character of a scan without a suffix
export const LEAST = 4;
const LEAST_IN_FIELD = 6; // fingers reach four fast characters, not six

type Field = HTMLInputElement | HTMLTextAreaElement;
export type Emit = (code: string, channel: Channel, ms: number) => void;

export class KeyChannel {
  #burst = '';
  #began = 0;
  #latest = 0;
  #repeats = 0;
  #unreadAt = -Infinity; // a key whose character an input method took
  #field: Field | null = null;
  #before = '';
  #cancel: () => void = () => undefined;

  constructor(readonly catcher: HTMLInputElement, readonly clock: Clock,
    readonly stamp: (event: Event) => number, readonly emit: Emit, readonly endText: () => void) {}

  onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' || event.key === 'Tab') this.#suffix(event);
    else this.#character(event);
  };

  #suffix(event: KeyboardEvent): void {
    this.#end(this.stamp(event));
    const scanned = !!this.#burst && this.#finish(true);
    this.#forget();
    const held = event.target === this.catcher && this.catcher.value !== '';
    if (scanned || held) event.preventDefault(); // else Enter presses, and Tab leaves, a button
    if (held) this.endText();
  }

  #character(event: KeyboardEvent): void {
    const character = characterOf(event);
    const now = this.stamp(event);
    if (event.keyCode === 229 && event.target === this.catcher) this.#unreadAt = now;
    if (character === null) return;
    const field = fieldOf(event.target, this.catcher);
    this.#end(now);
    if (!this.#burst || field !== this.#field) this.#begin(now, field);
    else if (event.repeat) this.#repeats += 1;
    if (character === ' ' && this.#burst && !field && event.target !== this.catcher) {
      event.preventDefault(); // a space inside a code would press the focused button
    }
    this.#burst += character;
    this.#latest = now;
    this.#cancel();
    this.#cancel = this.clock.after(GAP_MS, () => { this.#finish(false); this.#forget(); });
  }

  /** A page that was busy hears the next key before its own timer: the silence counts, by then. */
  #end(now: number): void {
    if (!this.#burst || now - this.#latest <= GAP_MS) return;
    this.#finish(false);
    this.#forget();
  }

  #begin(now: number, field: Field | null): void {
    this.#forget();
    this.#began = now;
    this.#field = field;
    this.#before = field ? field.value : '';
  }

  /** Emits what came if it was a scan; answers whether it was. */
  #finish(suffix: boolean): boolean {
    const code = this.#burst;
    const ms = this.#latest - this.#began;
    const fast = ms / Math.max(1, code.length - 1) <= FAST_MS;
    const held = this.#repeats > 0 && this.#repeats === code.length - 1; // a finger on one key
    if (code.length < LEAST || held) return false;
    if (this.#unreadAt >= this.#began - GAP_MS) return false; // the text channel has all of it
    if (this.#field ? !fast || code.length < LEAST_IN_FIELD : !suffix && !fast) return false;
    if (this.#field) {
      if (this.#field.getAttribute('data-scan') === 'own') return false;
      this.#field.value = this.#before;
      this.#field.dispatchEvent(new Event('input', { bubbles: true }));
    }
    this.emit(code, 'keys', ms);
    return true;
  }

  #forget(): void {
    this.#cancel();
    this.#burst = '';
    this.#repeats = 0;
    this.#field = null;
  }
}

export class TextChannel {
  #began = 0;
  #latest = 0;
  #events = 0;
  #cancel: () => void = () => undefined;

  constructor(readonly catcher: HTMLInputElement, readonly clock: Clock,
    readonly stamp: (event: Event) => number, readonly emit: Emit) {
    catcher.addEventListener('input', this.#onInput);
    catcher.addEventListener('compositionend', this.#onInput);
  }

  stop(): void {
    this.catcher.removeEventListener('input', this.#onInput);
    this.catcher.removeEventListener('compositionend', this.#onInput);
    this.#cancel();
  }

  /** A suffix came: what is in the field is one scan. */
  end(): void {
    this.#take(true);
  }

  #onInput = (event: Event): void => {
    const now = this.stamp(event);
    if (!this.#events) this.#began = now;
    this.#events += 1;
    this.#latest = now;
    this.#cancel();
    if (event.type === 'input' && (event as InputEvent).isComposing) return;
    if (/[\r\n\t]$/.test(this.catcher.value)) this.#take(true);
    else this.#cancel = this.clock.after(GAP_MS, () => this.#take(false));
  };

  #take(suffix: boolean): void {
    this.#cancel();
    const code = this.catcher.value;
    const ms = this.#latest - this.#began;
    const fast = this.#events <= 1 || ms / Math.max(1, code.length - 1) <= FAST_MS;
    this.catcher.value = '';
    this.#events = 0;
    if (code && (suffix || fast)) this.emit(code, 'text', ms);
  }
}

function characterOf(event: KeyboardEvent): string | null {
  if (event.ctrlKey && event.key === ']' && !event.altKey) return '\u001d'; // how wedges type FNC1
  if (event.metaKey || (event.ctrlKey && !event.altKey)) return null;
  return event.key && event.key.length === 1 ? event.key : null; // altKey: some guns always set it
}

function fieldOf(target: EventTarget | null, catcher: HTMLInputElement): Field | null {
  const node = target as Element | null;
  if (!node || node === catcher) return null;
  const name = node.tagName;
  return name === 'INPUT' || name === 'TEXTAREA' ? (node as Field) : null;
}
