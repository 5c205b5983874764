// The scanner's connection: who it is, who holds it, its inbox, and the queue sent until answered.
//   const wire = createWire({ db, ... }); await wire.start(); wire.subscribe(s => …)
//   await wire.post({ t: 'scan', id: draftId(), code })     recorded on the device when it resolves
// Not for screens.

import type { Clock } from './clock.ts';
import type { Db } from './db.ts';
import type { Device, Inputs, Message, Operation, Person, Reply, Task, View } from './frames.ts';
import type { Counts, Entry, Queue } from './queue.ts';
import type { PhotoCounts, PhotoRow, Photos } from './photos.ts';

export type Link = 'online' | 'weak' | 'offline';

export interface Snapshot {
  link: Link;
  device: Device | null;
  person: Person | null;
  /** The server knows who holds the scanner; false: badge and PIN are needed. */
  signedIn: boolean;
  inbox: Task[];
  /** Server clock minus device clock; null before the first contact. */
  skewMs: number | null;
  queue: Counts;
  photos: PhotoCounts;
  /** What a person must know now: storage closed or full, device revoked, page too old … */
  problem: Message | null;
  /** True: the page speaks an old protocol, load it again. */
  stale: boolean;
}

export interface PostOptions {
  /** Keys from keepPhoto; those uploaded in time go into inputs[photoField], the rest follow. */
  photos?: string[];
  photoField?: string;
}

export interface Wire {
  readonly queue: Queue;
  readonly photos: Photos;
  start(): Promise<void>;
  stop(): void;
  /** Calls at once and after every change; the result unsubscribes. */
  subscribe(listener: (snapshot: Snapshot) => void): () => void;
  snapshot(): Snapshot;
  /** Every answer to an operation; `live` false: its screen is long gone (it was queued). */
  onReply(listener: (reply: Reply, entry: Entry, live: boolean) => void): () => void;
  /** What the server says outside of answers: signed out, refused frames. */
  onSaid(listener: (message: Message) => void): () => void;
  onTask(listener: (task: Task, kind: string) => void): () => void;
  /** The code, or the text of its QR (…#enrol=CODE). Rejects with Refused. */
  enrol(code: string): Promise<Device>;
  signIn(badge: string, pin: string): Promise<Person>;
  signOut(): Promise<void>;
  /** Resolves when it is on disk; rejects with StorageProblem or Refused(needs_sign_in). */
  post(op: Operation, options?: PostOptions): Promise<Entry>;
  keepPhoto(bytes: ArrayBuffer, options?: { type?: string; name?: string; note?: string;
    task?: string | null }): Promise<PhotoRow>;
  /** A photo whose task the server did not name: a person picks one. */
  attachPhoto(key: string, task: string): Promise<void>;
  resend(id: string, patch?: { inputs?: Inputs }): Promise<void>;
  abandon(id: string, reason: string): Promise<void>;
  acknowledge(id: string): Promise<void>;
  /** The screen an operation without `flow` belongs to; answers move it, home is null. */
  view(): View | null;
  setView(view: View | null): void;
  /** Try to connect now instead of after the back-off. */
  connect(): void;
  /** Server time as far as known. */
  now(): number;
}

/** The server, or the state of the device, said no. */
export class Refused extends Error {
  constructor(readonly said: Message) {
    super(said.code);
  }
}

export interface WireOptions {
  db: Db;
  /** wss://host/ws/pda; made from `location` when left out. */
  url?: string;
  /** Where /api is; the page's own origin when left out. */
  api?: string;
  clock?: Clock;
  random?: () => number;
  socket?: (url: string) => WebSocket;
  fetch?: typeof fetch;
  client?: string;
}
export declare function createWire(options: WireOptions): Wire;
