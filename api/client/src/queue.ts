// The queue of operations: recorded on the device first, sent until answered, never lost silently.
//   add        resolves only when the record is on disk; the same id again answers the first entry
//   waiting    in order, what is still to be sent      answered / refuse   what the server said
//   abandon    a person gives one up, with a reason; kept until acknowledged
//   resend     a refused one again, mended             exportText          rescue by hand
// Not for sockets (wire.ts), photo bytes (photos.ts), or form drafts (shelf.ts).

import type { Db } from './db.ts';
import type { Clock } from './clock.ts';
import type { Inputs, Message, Operation, OpFrame, Reply } from './frames.ts';

export type State = 'waiting' | 'sent' | 'refused' | 'conflict' | 'abandoned';

export interface Entry {
  /** Order of recording; given by the store. */
  n: number;
  id: string;
  op: Operation;
  /** The person who did it; sent only while that person is signed in. */
  by: number;
  /** When the hands did it, by the server's clock as far as the device knows it. */
  at: string;
  /** The same moment by the device's own clock, for measuring how long it waits. */
  deviceAt: number;
  /** The page (tab) whose screen it belongs to. */
  chain: string;
  state: State;
  /** What is sent; frozen at the first sending. */
  frame: OpFrame | null;
  /** How often the server broke (close 1011) on it. */
  breaks: number;
  reply: Reply | null;
  /** Why it is refused, in conflict, set aside or abandoned. */
  said: Message | null;
  reason: string;
  /** False while a refusal, conflict or abandonment waits to be seen by a person. */
  seen: boolean;
  photos: string[];
  /** The input that takes the ids of photos that are uploaded in time. */
  photoField: string;
}

export interface Counts {
  waiting: number;
  /** Refused or in conflict, not yet acknowledged. */
  refused: number;
  /** Waiting operations of somebody who is not signed in. */
  others: number;
  /** Device time (ms) of the oldest waiting operation; null when nothing waits. */
  oldestAt: number | null;
}

export interface AddOptions {
  by: number;
  chain?: string;
  skewMs?: number;
  photos?: string[];
  photoField?: string;
}

export interface Queue {
  /** `fresh` false: that id was there already and nothing was added. */
  add(op: Operation, options: AddOptions): Promise<{ entry: Entry; fresh: boolean }>;
  get(id: string): Promise<Entry | undefined>;
  list(state?: State): Promise<Entry[]>;
  waiting(): Promise<Entry[]>;
  counts(person?: number | null): Promise<Counts>;
  freeze(id: string, frame: OpFrame): Promise<Entry | undefined>;
  answered(reply: Reply, seen: boolean): Promise<Entry | undefined>;
  refuse(id: string, said: Message): Promise<Entry | undefined>;
  broke(id: string): Promise<Entry | undefined>;
  resend(id: string, patch?: { inputs?: Inputs }): Promise<Entry | undefined>;
  abandon(id: string, reason: string): Promise<Entry | undefined>;
  acknowledge(id: string): Promise<void>;
  exportText(): Promise<string>;
  /** Forget answered entries older than `days`, keeping the newest `most`. */
  trim(days?: number, most?: number): Promise<number>;
}

export declare function openQueue(db: Db, clock?: Clock): Queue;
