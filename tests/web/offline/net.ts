// The air between one device and the real server, and what goes wrong in it. Not for what the
// frames mean.

import { WebSocket as Real } from 'ws';
import type { Random } from './random.ts';

export interface Faults {
  /** So many answers to operations are swallowed, after the server has processed them. */
  acks: number;
  /** So many connections break right after something was sent. */
  cuts: number;
  /** So many uploads end in the middle: before or after the server had all of it. */
  uploads: number;
}
type Handler<E> = ((event: E) => void) | null;

export class Net {
  up = true;
  faults: Faults = { acks: 0, cuts: 0, uploads: 0 };
  /** An upload died: so does the battery. */
  onDeath: () => void = () => undefined;
  sockets = new Set<Air>();
  count = { acks: 0, cuts: 0, uploads: 0 };

  constructor(readonly base: string, readonly random: Random) {}

  connect = (): WebSocket => new Air(this) as unknown as WebSocket;

  down(): void {
    this.up = false;
    this.sockets.forEach((each) => each.cut());
  }

  fetch = (async (url: string, init: RequestInit) => {
    if (!this.up) throw new TypeError('no network');
    if (!this.#strikes('uploads', 0.5)) return fetch(url, init);
    if (this.random.chance(0.5)) await (await fetch(url, init)).arrayBuffer();
    this.onDeath();
    throw new TypeError('the battery is empty');
  }) as unknown as typeof fetch;

  sent(air: Air): void {
    if (this.#strikes('cuts', 0.2)) setTimeout(() => air.cut(), this.random.below(4));
  }

  /** Whether this frame of the server is lost, and the connection with it. */
  loses(air: Air, text: string): boolean {
    if (text.indexOf('"t":"reply"') < 0 || !this.#strikes('acks', 0.4)) return false;
    air.cut();
    return true;
  }

  #strikes(kind: keyof Faults, odds: number): boolean {
    if (!this.faults[kind] || !this.random.chance(odds)) return false;
    this.faults[kind] -= 1;
    this.count[kind] += 1;
    return true;
  }
}

class Air {
  readyState = 0;
  onopen: Handler<object> = null;
  onmessage: Handler<{ data: string }> = null;
  onclose: Handler<{ code: number }> = null;
  #real: Real | null = null;

  constructor(readonly net: Net) {
    net.sockets.add(this);
    if (!net.up) {
      setTimeout(() => this.cut(), 1);
      return;
    }
    const real = new Real(`${net.base.replace('http', 'ws')}/ws/pda`);
    this.#real = real;
    real.on('open', () => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.onopen?.({});
    });
    real.on('message', (data) => this.#hear(String(data)));
    real.on('close', (code) => this.cut(code));
    real.on('error', () => this.cut());
  }

  send(text: string): void {
    this.#real?.send(text);
    if (/"t":"(submit|scan|act)"/.test(text)) this.net.sent(this);
  }

  close(): void {
    this.readyState = 3;
    this.net.sockets.delete(this);
    this.#real?.terminate();
  }

  /** Gone without a word. */
  cut(code = 1006): void {
    if (this.readyState === 3) return;
    this.close();
    this.onclose?.({ code });
  }

  #hear(text: string): void {
    if (this.readyState === 1 && !this.net.loses(this, text)) this.onmessage?.({ data: text });
  }
}
