// The scanner's connection: who it is, who holds it, its inbox, and the queue sent until answered.
//   const wire = createWire({ db: await openDb() }); await wire.start();
//   wire.subscribe((snapshot) => …)
//   await wire.post({ t: 'scan', id: draftId(), code })   it is on disk when this resolves
// The parts: connection.ts (socket, heartbeat), drain.ts (sending), upload.ts (photos), inbox.ts,
// identity.ts, tabs.ts, lease.ts; scanner.ts joins them. Not for screens.

import type { Clock } from './clock.ts';
import type { Link } from './connection.ts';
import type { Db } from './db.ts';
import type { Entry, Patch } from './entries.ts';
import type { Device, LookOp, Message, Operation, Person, Reply, Task, View } from './frames.ts';
import type { PhotoCounts, PhotoRow, Photos } from './photos.ts';
import type { Counts, Queue } from './queue.ts';
import { Scanner } from './scanner.ts';

export type { Link };
export { Refused } from './said.ts';

export interface Snapshot {
  link: Link;
  /** Null: not enrolled, or revoked. */
  device: Device | null;
  /** What step ids are made with (ids.ts): the same for good, whatever device it is now. */
  stepsAs: number;
  /** Who held it last; stays when a session ran out, so his queue has a name. */
  person: Person | null;
  /** False: badge and PIN are needed. Offline the last known session counts. */
  signedIn: boolean;
  /** By deadline. */
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
  /** Keys from keepPhoto. Uploaded in time they go into inputs[photoField]; the rest follow. */
  photos?: string[];
  /** `photos` takes a list (default), any other name one id. */
  photoField?: string;
  /** The server demands the photo: the operation waits for its upload. */
  photosFirst?: boolean;
}

export interface PhotoOptions {
  type?: string;
  name?: string;
  note?: string;
  /** Hang it on this task, without an operation. */
  task?: string | null;
}

export interface Wire {
  readonly queue: Queue;
  readonly photos: Photos;
  start(): Promise<void>;
  stop(): void;
  /** Calls at once and after every change; the result unsubscribes. */
  subscribe(listener: (snapshot: Snapshot) => void): () => void;
  snapshot(): Snapshot;
  /** Every answer to an operation; `live` false: nobody looks at its screen any more. */
  onReply(listener: (reply: Reply, entry: Entry, live: boolean) => void): () => void;
  /** What the server says outside of answers: signed out, refused frames. */
  onSaid(listener: (message: Message) => void): () => void;
  onTask(listener: (task: Task, kind: string) => void): () => void;
  /** The code, or the text of its QR (…#enrol=CODE). Rejects with Refused. */
  enrol(code: string): Promise<Device>;
  /** Rejects with Refused: wrong PIN, too many, no answer. */
  signIn(badge: string, pin: string): Promise<Person>;
  signOut(): Promise<void>;
  /** Resolves when it is on disk; rejects with StorageProblem or Refused(needs_sign_in). */
  post(op: Operation, options?: PostOptions): Promise<Entry>;
  /** A question that changes nothing: never recorded, lost with the network. Rejects: Refused. */
  ask(op: Operation | LookOp, ms?: number): Promise<Reply>;
  /** Rejects with StorageProblem: post the text without it. */
  keepPhoto(bytes: ArrayBuffer, options?: PhotoOptions): Promise<PhotoRow>;
  /** A photo whose task the server did not name: a person picks one. */
  attachPhoto(key: string, task: string): Promise<void>;
  resend(id: string, patch?: Patch): Promise<void>;
  /** Given up; the server puts it on record when there is a connection. `what`: in words. */
  abandon(id: string, reason: string, what?: string): Promise<void>;
  acknowledge(id: string): Promise<void>;
  /** The screen an operation without `flow` belongs to; answers move it, null is the first. */
  view(): View | null;
  setView(view: View | null): void;
  /** Try to connect now instead of after the back-off. */
  connect(): void;
  /** Server time as far as known. */
  now(): number;
  /** A REST route as the person who is signed in. Rejects with Refused(needs_sign_in). */
  request(path: string, init?: RequestInit): Promise<Response>;
}

export interface WireOptions {
  db: Db;
  /** Of the socket; made from `location` when left out. */
  url?: string;
  /** Where /api is; the page's own origin when left out. */
  api?: string;
  clock?: Clock;
  random?: () => number;
  socket?: (url: string) => WebSocket;
  fetch?: typeof fetch;
  /** Named to the server, for support. */
  client?: string;
  locks?: LockManager | undefined;
}

export function createWire(options: WireOptions): Wire {
  return new Scanner(options);
}
