// Sends the queue: in order, the same frame until it is answered, some at a time. Recording is
// queue.ts, the socket is connection.ts; this decides what goes now and what an answer means.

import { frameOf, screenOf } from './build.ts';
import type { Clock } from './clock.ts';
import { isWaiting, LATER, type Entry } from './entries.ts';
import type { Message, OpFrame, Reply, View } from './frames.ts';
import type { Photos } from './photos.ts';
import type { Queue } from './queue.ts';
import { tooLarge } from './said.ts';

const WINDOW = 32; // more unanswered ones than this help nobody
const ROOM = 16; // bytes a frame may still grow by, told late
const PAUSE_MS = 2_000;
const SILENT_MS = 30_000; // the line lives and no answer comes: something got lost

export interface DrainOptions {
  queue: Queue;
  photos: Photos;
  clock: Clock;
  /** Whose operations may go now; null: nobody's (offline, signed out, another tab's turn). */
  person: () => number | null;
  maxBytes: () => number;
  send: (frame: OpFrame) => boolean;
  /** Nothing is under way any more. */
  idle: () => void;
  /** What was sent is not answered although the line lives: begin again. */
  stuck: () => void;
  failed: (error: unknown) => void;
}

export class Drain {
  #flying = new Map<string, Entry>();
  #told = new Set<string>(); // answered, and the answer is on its way to the disk
  #careful = false; // the server broke: one at a time, so that the right one is blamed
  #running = false;
  #again = false;
  #paused = false;

  constructor(readonly options: DrainOptions) {}

  get flying(): number {
    return this.#flying.size;
  }

  /** The entry an answer belongs to, if it was sent on this connection. */
  sent(id: string): Entry | undefined {
    return this.#flying.get(id);
  }

  /** Send what may go. Safe to call at any time. */
  flush(): void {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    this.#run().catch(this.options.failed).then(() => {
      this.#running = false;
      if (this.#again && !this.#paused) this.flush();
    }, () => undefined);
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#paused) {
      this.#again = false;
      const person = this.options.person();
      if (person === null) return;
      const waiting = await this.options.queue.waiting();
      const went = await this.#send(waiting, person);
      if (went.length) this.#watch(went);
      if (!this.#flying.size) this.options.idle();
    }
  }

  /** Answers come in order: one that stays away is lost, even if later ones come. */
  #watch(went: string[]): void {
    const sent = went.map((id) => this.#flying.get(id));
    this.options.clock.after(SILENT_MS, () => {
      if (sent.some((each) => each && this.#flying.get(each.id) === each)) this.options.stuck();
    });
  }

  async #send(waiting: Entry[], person: number): Promise<string[]> {
    const chosen: string[] = [];
    // Chosen before anything is awaited: what is settled meanwhile was flying when it was read.
    const free = waiting.filter((each) => each.by === person && !this.#flying.has(each.id));
    for (const entry of free) {
      if (this.#flying.size + chosen.length >= (this.#careful ? 1 : WINDOW)) break;
      const ready = entry.frame ? entry : await this.#build(entry, waiting);
      if (!ready || !ready.frame) continue;
      entry.frame = ready.frame;
      if (sizeOf(ready.frame) + ROOM > this.options.maxBytes()) {
        await this.options.queue.refuse(ready.id, tooLarge);
        continue;
      }
      chosen.push(ready.id);
    }
    return chosen.length ? this.#go(chosen, person) : [];
  }

  async #go(chosen: string[], person: number): Promise<string[]> {
    const going = await this.options.queue.departing(chosen);
    const went = new Set<string>();
    for (const entry of going) {
      if (this.options.person() !== person || !this.options.send(entry.frame as OpFrame)) break;
      this.#flying.set(entry.id, entry);
      went.add(entry.id);
    }
    const stay = going.filter((each) => !went.has(each.id)).map((each) => each.id);
    if (stay.length) await this.options.queue.stayed(stay);
    return Array.from(went);
  }

  async #build(entry: Entry, waiting: Entry[]): Promise<Entry | undefined> {
    const rows = await Promise.all(entry.photos.map((key) => this.options.photos.get(key)));
    const files = rows.map((row) => row?.fileId).filter((id): id is string => !!id);
    const failed = rows.filter((row) => !row || row.state === 'failed').length;
    if (entry.photosFirst && files.length + failed < rows.length) return undefined;
    const before = waiting.find((each) => each.id === entry.behind);
    const view = before ? null : await this.#screenBefore(entry);
    const frame = frameOf(entry, before, view, files);
    return frame ? this.options.queue.freeze(entry.id, frame) : undefined;
  }

  /** Where the screen stood after what was answered before `entry`. */
  async #screenBefore(entry: Entry): Promise<View | null> {
    let id = entry.behind;
    for (let hops = 0; id && hops < 50; hops += 1) {
      const before: Entry | undefined = await this.options.queue.get(id);
      const screen = before ? screenOf(before) : null;
      if (screen || !before) return screen;
      const after = before.frame && before.frame.t !== 'act' ? before.frame.after : undefined;
      id = after ?? before.behind;
    }
    return null;
  }

  /** The answer came. Settles the entry; answers it as it is now, undefined if it is not ours. */
  async answered(reply: Reply, live: boolean): Promise<Entry | undefined> {
    this.#careful = false;
    const entry = await this.#settle(reply.id, () => this.options.queue.answered(reply, live));
    if (!entry || !isWaiting(entry)) return entry;
    if (reply.message.code === 'after_unknown' && !(await this.#stillComes(entry))) {
      return this.options.queue.refuse(entry.id, reply.message);
    }
    if (LATER.indexOf(reply.message.code) >= 0) this.pause();
    return entry;
  }

  /** The server could not even read it: it will never go. */
  async refused(id: string, said: Message): Promise<void> {
    await this.#settle(id, () => this.options.queue.refuse(id, said));
    this.flush();
  }

  /** Flying until it is on disk, so that nobody reads it as waiting and sends it again. */
  async #settle<T>(id: string, write: () => Promise<T>): Promise<T> {
    this.#told.add(id);
    try {
      return await write();
    } finally {
      this.#told.delete(id);
      this.#flying.delete(id);
    }
  }

  /** Whether the scan before it is still to be sent. */
  async #stillComes(entry: Entry): Promise<boolean> {
    const after = entry.frame && entry.frame.t !== 'act' ? entry.frame.after : undefined;
    const before = after ? await this.options.queue.get(after) : undefined;
    return !!before && isWaiting(before);
  }

  pause(ms = PAUSE_MS): void {
    if (this.#paused) return;
    this.#paused = true;
    this.options.clock.after(ms, () => {
      this.#paused = false;
      this.flush();
    });
  }

  /** The connection is gone; what was under way is sent again on the next one. */
  async lost(code: number): Promise<void> {
    const silent = Array.from(this.#flying.values()).filter((each) => !this.#told.has(each.id));
    const first = silent.sort((a, b) => a.n - b.n)[0];
    silent.forEach((each) => this.#flying.delete(each.id));
    if (code !== 1011 || !first) return;
    this.#careful = true;
    await this.options.queue.broke(first.id);
  }
}

function sizeOf(frame: OpFrame): number {
  const text = JSON.stringify(frame);
  // Three bytes is the most a UTF-16 unit takes: only long frames are measured exactly.
  return text.length * 3 < 65_536 ? text.length : new TextEncoder().encode(text).length;
}
