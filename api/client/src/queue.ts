// The queue of operations: recorded on the device first, sent until answered, never lost silently.
//   add        resolves only when the record is on disk; the same id again answers the first entry
//   waiting    in order, what is still to be sent      answered / refuse   what the server said
//   abandon    a person gives one up, with a reason; kept until acknowledged
//   resend     a refused one again, mended             exportText          rescue by hand
// The rules are entries.ts. Not for sockets (wire.ts), photo bytes (photos.ts), drafts (shelf.ts).

import { realClock, type Clock } from './clock.ts';
import { asJson, change, use, writeProblem, type Changes, type Db } from './db.ts';
import {
  abandoned, afterAnswer, countOf, departed, idAnew, isOver, isSettled, isWaiting, keepsFirst,
  leftOf, mended, onceMore, relinked, unsettled,
  type AddOptions, type Counts, type Entry, type Patch, type State,
} from './entries.ts';
import { isRecord, onRecord } from './given-up.ts';
import type { Message, Operation, OpFrame, Reply } from './frames.ts';
import { prove, stillProved, tellPhotos } from './proof.ts';
import { setAside } from './said.ts';

export type { AddOptions, Counts, Entry, Patch, State };

export const MOST_BREAKS = 6;

/** Who gives something up, when, and what it was in words. */
export interface Told { what: string; by: number; at: string }

export interface Queue {
  /** `fresh` false: that id was there already and nothing was added. A refused one is done anew:
   * by whom, when and with which photos `options` say. */
  add(op: Operation, options: AddOptions): Promise<{ entry: Entry; fresh: boolean }>;
  get(id: string): Promise<Entry | undefined>;
  list(state?: State): Promise<Entry[]>;
  /** In the order of recording. */
  waiting(): Promise<Entry[]>;
  counts(person?: number | null): Promise<Counts>;
  /** What is sent from now on, for this operation. The first frame stays. */
  freeze(id: string, frame: OpFrame): Promise<Entry | undefined>;
  /** These go on the wire: said before they do, so that a dead tab changes no frame. As sent. */
  departing(ids: string[]): Promise<Entry[]>;
  /** They did not go after all. */
  stayed(ids: string[]): Promise<void>;
  /** The task of a conflict was closed. */
  decided(task: string, verdict: string): Promise<void>;
  /** `live`: the person still looks at the screen it came from. */
  answered(reply: Reply, live: boolean): Promise<Entry | undefined>;
  refuse(id: string, said: Message): Promise<Entry | undefined>;
  /** The server broke on it; after six times it is set aside. */
  broke(id: string): Promise<Entry | undefined>;
  resend(id: string, patch?: Patch): Promise<Entry | undefined>;
  /** With `tell` the word of it that goes to the server is added in the same moment. */
  abandon(id: string, reason: string, tell?: Told): Promise<Entry | undefined>;
  acknowledge(id: string): Promise<void>;
  exportText(): Promise<string>;
  /** Forget what is over, beyond the newest `most` or older than `days`; how many went. What a
   * photo on its way proves stays. */
  trim(days?: number, most?: number): Promise<number>;
}

export function openQueue(db: Db, clock: Clock = realClock): Queue {
  return new Rows(db, clock);
}

class Rows implements Queue {
  constructor(readonly db: Db, readonly clock: Clock) {}

  async add(op: Operation, options: AddOptions): Promise<{ entry: Entry; fresh: boolean }> {
    const plain = asJson(op);
    return this.#withRoom((tx) => this.#add(tx, plain, options));
  }

  /** As `change`; a full disk is made room on by forgetting what is over. */
  async #withRoom<T>(work: (tx: Changes) => Promise<T>): Promise<T> {
    try {
      return await change(this.db, work);
    } catch (error) {
      const full = writeProblem(error).said.code === 'storage_full';
      if (!full || !(await this.trim(0, 0))) throw error;
      return change(this.db, work);
    }
  }

  async #add(
    tx: Changes, op: Operation, options: AddOptions,
  ): Promise<{ entry: Entry; fresh: boolean }> {
    const ops = tx.objectStore('ops');
    const find = (id: string): Promise<Entry | undefined> => ops.index('id').get(id);
    let old = await find(op.id);
    while (old && onceMore(old)) { // answered by a question: this tap is the second one
      op = { ...op, id: `${old.id.replace(/\.y\d+$/, '')}.y${old.again + 1}` };
      old = await find(op.id);
    }
    if (old && keepsFirst(old)) return { entry: old, fresh: false };
    if (old) {
      const now = this.clock.now();
      const left = leftOf(old, options.by, now);
      await (left ? ops.put(left) : ops.delete(old.n));
      op = { ...op, id: idAnew(old, now) };
    }
    const waiting = await ops.index('state').getAll('waiting');
    const entry = unsettled(op, options, waiting, this.clock.now());
    const { n: _, ...row } = entry;
    entry.n = await ops.add(row as Entry);
    await prove(tx, entry.photos, entry.id);
    return { entry, fresh: true };
  }

  get(id: string): Promise<Entry | undefined> {
    return use(this.db, (db) => db.getFromIndex('ops', 'id', id));
  }

  list(state?: State): Promise<Entry[]> {
    return use(this.db, (db) =>
      (state ? db.getAllFromIndex('ops', 'state', state) : db.getAll('ops')));
  }

  waiting(): Promise<Entry[]> {
    return this.list('waiting');
  }

  async counts(person: number | null = null): Promise<Counts> {
    const states: State[] = ['waiting', 'refused', 'conflict'];
    const found = await Promise.all(states.map((state) => this.list(state)));
    return countOf(([] as Entry[]).concat(...found), person);
  }

  freeze(id: string, frame: OpFrame): Promise<Entry | undefined> {
    return this.#change(id, (entry) => (entry.frame ? entry : { ...entry, frame: asJson(frame) }));
  }

  async departing(ids: string[]): Promise<Entry[]> {
    const now = this.clock.now();
    const changed = await this.#changeAll(ids, (entry) => departed(entry, now));
    return changed.filter((each) => isWaiting(each) && each.frame);
  }

  async stayed(ids: string[]): Promise<void> {
    await this.#changeAll(ids, (entry) => ({ ...entry, tries: Math.max(0, entry.tries - 1) }));
  }

  async decided(task: string, verdict: string): Promise<void> {
    const all = await this.list('conflict');
    const about = all.filter((each) => each.reply?.conflict?.task_id === task);
    await this.#changeAll(about.map((each) => each.id), (entry) =>
      ({ ...entry, verdict, seen: false }));
  }

  #changeAll(ids: string[], to: (entry: Entry) => Entry): Promise<Entry[]> {
    return change(this.db, async (tx) => {
      const ops = tx.objectStore('ops');
      const changed: Entry[] = [];
      for (const id of ids) {
        const entry = await ops.index('id').get(id);
        if (!entry) continue;
        changed.push(to(entry));
        await ops.put(changed[changed.length - 1] as Entry);
      }
      return changed;
    });
  }

  answered(reply: Reply, live: boolean): Promise<Entry | undefined> {
    return this.#change(reply.id, (entry) => afterAnswer(entry, reply, live));
  }

  refuse(id: string, said: Message): Promise<Entry | undefined> {
    return this.#change(id, (entry) =>
      (isWaiting(entry) ? { ...entry, state: 'refused', said, seen: false } : entry));
  }

  async broke(id: string): Promise<Entry | undefined> {
    return this.#change(id, (entry) => {
      const breaks = entry.breaks + 1;
      if (!isWaiting(entry) || breaks < MOST_BREAKS) return { ...entry, breaks };
      return { ...entry, breaks, state: 'refused', said: setAside, seen: false };
    });
  }

  resend(id: string, patch: Patch = {}): Promise<Entry | undefined> {
    const plain = asJson(patch);
    return this.#change(id, (entry) => mended(entry, plain, this.clock.now()));
  }

  abandon(id: string, reason: string, tell?: Told): Promise<Entry | undefined> {
    return this.#withRoom(async (tx) => {
      const gone = await this.#changeIn(tx, id, (entry) =>
        (isRecord(entry.op) ? entry : abandoned(entry, reason)));
      const given = gone && gone.state === 'abandoned' && !isSettled(gone);
      if (given && tell) await this.#add(tx, onRecord(gone, tell.what), tell);
      return gone;
    });
  }

  async acknowledge(id: string): Promise<void> {
    await this.#change(id, (entry) => ({ ...entry, seen: true }));
  }

  async exportText(): Promise<string> {
    const all = await this.list();
    const left = all.filter((each) => each.state !== 'sent' && (isWaiting(each) || !each.seen));
    const entries = left.map((each) => ({
      id: each.id, by: each.by, at: each.at, state: each.state, reason: each.reason,
      said: each.said, operation: each.frame ?? each.op, photos: each.photos,
    }));
    const now = new Date(this.clock.now()).toISOString();
    const text = { jieli_queue: 1, exported_at: now, count: entries.length, entries };
    return JSON.stringify(text, null, 1);
  }

  async trim(days = 8, most = 200): Promise<number> {
    const before = this.clock.now() - days * 86_400_000;
    return change(this.db, async (tx) => {
      const proved = await stillProved(tx);
      const all = await tx.objectStore('ops').getAll();
      const over = all.filter((each) => isOver(each) && !proved.has(each.id));
      const old = over.filter((each, at) => at < over.length - most || each.deviceAt < before);
      await Promise.all(old.map((each) => tx.objectStore('ops').delete(each.n)));
      return old.length;
    });
  }

  /** Change one entry in one transaction; what waits behind an entry that left is linked anew. */
  #change(id: string, to: (entry: Entry) => Entry): Promise<Entry | undefined> {
    return change(this.db, (tx) => this.#changeIn(tx, id, to));
  }

  async #changeIn(
    tx: Changes, id: string, to: (entry: Entry) => Entry,
  ): Promise<Entry | undefined> {
    const ops = tx.objectStore('ops');
    const before = await ops.index('id').get(id);
    if (!before) return undefined;
    const after = to(before);
    if (after !== before) await ops.put(after);
    if (after.id !== id) await prove(tx, after.photos, after.id);
    if (after.reply !== before.reply) await tellPhotos(tx, after);
    if (isWaiting(before) && !isWaiting(after) && !after.reply) {
      const waiting = await ops.index('state').getAll('waiting');
      for (const each of relinked(waiting, after)) await ops.put(each);
    }
    return after;
  }
}
