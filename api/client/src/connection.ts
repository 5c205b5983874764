// One WebSocket at a time: opened, lost, opened again with back-off and jitter; and a heartbeat
// that says online, weak or offline by what is heard, because a dead Wi-Fi closes nothing.
// Not for what frames mean (wire.ts).

import type { Clock } from './clock.ts';
import type { ClientFrame, ServerFrame } from './frames.ts';

export type Link = 'online' | 'weak' | 'offline';

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 8_000;
const REFUSED_WAIT_MS = 60_000; // closed for a reason that time does not mend
const WEAK_MS = 3_000;
const DEAD_MS = 10_000;
const SLOW_ANSWER_MS = 1_500;
const REFUSALS = [4000, 4003];

export interface ConnectionOptions {
  url: string;
  clock: Clock;
  random: () => number;
  socket: (url: string) => WebSocket;
  opened: () => void;
  heard: (frame: ServerFrame) => void;
  closed: (code: number) => void;
  /** The judgement of the link changed. */
  judged: () => void;
}

export class Connection {
  link: Link = 'offline';
  /** How long the last answer took; for the server's clock. */
  lastAnswerMs = 0;
  #socket: WebSocket | null = null;
  #wanted = false;
  #welcomed = false;
  #tries = 0;
  #cancelRetry: () => void = () => undefined;
  #cancelBeat: () => void = () => undefined;
  #beatMs = DEAD_MS;
  #askedAt = 0;
  #heardAt = 0;
  #n = 0;

  constructor(readonly options: ConnectionOptions) {}

  /** Open, or open again; a running one is replaced. */
  connect(): void {
    this.#wanted = true;
    this.#cancelRetry();
    if (this.#socket) {
      this.#abandon();
      this.options.closed(0);
    }
    const socket = this.options.socket(this.options.url);
    this.#socket = socket;
    this.#welcomed = false;
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.options.opened();
      this.expectAnswer();
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#hear(JSON.parse(String(event.data)) as ServerFrame);
    };
    socket.onclose = (event) => {
      if (this.#socket === socket) this.#lost(event.code);
    };
  }

  stop(): void {
    this.#wanted = false;
    this.#cancelRetry();
    this.#abandon();
    this.#judge('offline');
  }

  /** Hang up and come back: what was heard has a gap. */
  again(): void {
    if (this.#socket) this.#lost(0);
  }

  get isOpen(): boolean {
    return this.#socket !== null && this.#socket.readyState === 1;
  }

  send(frame: ClientFrame): boolean {
    if (!this.#socket || !this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** The server welcomed us: the link is good, the heartbeat begins. */
  settled(heartbeatSeconds: number): void {
    this.#tries = 0;
    this.#welcomed = true;
    this.#beatMs = (heartbeatSeconds * 1000) / 2; // notice a dead Wi-Fi before the server does
    this.#judge('online');
    this.#cancelBeat();
    this.#cancelBeat = this.options.clock.after(this.#beatMs, () => this.beat());
  }

  /** Ask whether anybody is there, and judge by the answer. */
  beat(): void {
    this.#cancelBeat();
    if (!this.isOpen || !this.#welcomed) return; // nothing may be said before hello is answered
    this.#askedAt = this.options.clock.now();
    this.send({ t: 'ping', n: (this.#n += 1) });
    this.expectAnswer();
    this.#cancelBeat = this.options.clock.after(this.#beatMs, () => this.beat());
  }

  /** Something was sent that must be answered: silence from now on is a weak link, then none. */
  expectAnswer(): void {
    const { clock } = this.options;
    const socket = this.#socket;
    const since = clock.now();
    const silent = (): boolean => this.#socket === socket && this.#heardAt < since && this.isOpen;
    clock.after(WEAK_MS, () => { if (silent() && this.link === 'online') this.#judge('weak'); });
    clock.after(DEAD_MS, () => { if (silent()) this.#lost(0); });
  }

  /** The device says its network came or went: believe "went", check "came". */
  network(isThere: boolean): void {
    if (!isThere) this.#judge('offline');
    else if (this.isOpen) this.beat();
    else if (this.#wanted) this.connect();
  }

  #hear(frame: ServerFrame): void {
    const now = this.options.clock.now();
    this.#heardAt = now;
    if (frame.t === 'pong' && frame.n === this.#n) {
      this.lastAnswerMs = now - this.#askedAt;
      this.#judge(this.lastAnswerMs > SLOW_ANSWER_MS ? 'weak' : 'online');
    } else if (this.link === 'offline' && frame.t !== 'welcome') this.#judge('weak');
    this.options.heard(frame);
  }

  #lost(code: number): void {
    this.#abandon();
    this.#judge('offline');
    this.options.closed(code);
    if (!this.#wanted) return;
    const wait = REFUSALS.indexOf(code) >= 0 ? REFUSED_WAIT_MS
      : Math.min(FIRST_WAIT_MS * 2 ** this.#tries, MOST_WAIT_MS);
    this.#tries += 1;
    const jittered = wait * (0.5 + this.options.random() / 2);
    this.#cancelRetry = this.options.clock.after(jittered, () => this.connect());
  }

  #abandon(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#cancelBeat();
    if (!socket) return;
    try {
      socket.close();
    } catch {
      // It was closing already: that is what we want.
    }
  }

  #judge(link: Link): void {
    if (link === this.link) return;
    this.link = link;
    this.options.judged();
  }
}

/** Let the browser's own news of the network and of a woken page reach `connection`. */
export function watchNetwork(connection: Connection): () => void {
  const there = (): void => connection.network(true);
  const gone = (): void => connection.network(false);
  const woken = (): void => { if (!document.hidden) there(); };
  window.addEventListener('online', there);
  window.addEventListener('offline', gone);
  document.addEventListener('visibilitychange', woken);
  return () => {
    window.removeEventListener('online', there);
    window.removeEventListener('offline', gone);
    document.removeEventListener('visibilitychange', woken);
  };
}

/** Of the server this page came from. */
export function socketUrl(): string {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/ws/pda`;
}
