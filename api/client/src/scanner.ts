// One scanner, joined from its parts: what wire.ts promises. What the server's frames do to it is
// hearing.ts; this file wires the parts, posts operations and tells listeners.

import { realClock, type Clock } from './clock.ts';
import { Connection, socketUrl, watchNetwork } from './connection.ts';
import { StorageProblem } from './db.ts';
import { Drain } from './drain.ts';
import type { AddOptions, Entry, Patch } from './entries.ts';
import type { Device, LookOp, Message, Operation, Person, Reply, Task, View } from './frames.ts';
import { Hearing } from './hearing.ts';
import { Memory } from './identity.ts';
import { draftId } from './ids.ts';
import { sorted } from './inbox.ts';
import { takeTurns, type Turn } from './lease.ts';
import { openPhotos, type PhotoRow } from './photos.ts';
import { openQueue } from './queue.ts';
import { request } from './rest.ts';
import { needsSignIn, Refused, storageClosed } from './said.ts';
import { openShelf } from './shelf.ts';
import { on, Telling } from './telling.ts';
import { chainOf, openTabs, type Tabs, type Word } from './tabs.ts';
import { Uploader } from './upload.ts';
import type { PhotoOptions, PostOptions, Snapshot, Wire, WireOptions } from './wire.ts';

export class Scanner implements Wire {
  readonly clock: Clock;
  readonly queue;
  readonly photos;
  readonly memory: Memory;
  readonly connection: Connection;
  readonly drain: Drain;
  readonly uploader: Uploader;
  readonly chain: string;
  readonly replies = new Set<(reply: Reply, entry: Entry, live: boolean) => void>();
  readonly said = new Set<(message: Message) => void>();
  readonly taskNews = new Set<(task: Task, kind: string) => void>();
  problem: Message | null = null;
  stale = false;
  #hearing: Hearing;
  #tabs: Tabs | null = null;
  #turn: Turn | null = null;
  #view: View | null = null;
  #newest = '';
  #posting: Promise<void> = Promise.resolve();
  #telling: Telling;
  #unwatch: () => void = () => undefined;

  constructor(readonly options: WireOptions) {
    const { db } = options;
    this.clock = options.clock ?? realClock;
    this.chain = chainOf(() => draftId(this.clock.now()));
    this.queue = openQueue(db, this.clock);
    this.photos = openPhotos(db, this.clock);
    this.#telling = new Telling(this.queue, this.photos, this.#rest, this.failed);
    this.memory = new Memory(openShelf(db, this.clock), this.failed);
    this.#hearing = new Hearing(this);
    this.connection = new Connection({
      url: options.url ?? socketUrl(), clock: this.clock, random: options.random ?? Math.random,
      socket: options.socket ?? ((url) => new WebSocket(url)),
      opened: () => this.#hearing.opened(),
      heard: (frame) => this.#hearing.hear(frame),
      closed: (code) => this.#hearing.closed(code),
      judged: this.changed,
    });
    this.drain = new Drain({
      queue: this.queue, photos: this.photos, clock: this.clock, failed: this.failed,
      person: () => (this.#maySend() ? this.#personId() : null),
      maxBytes: () => this.#hearing.maxBytes,
      send: (frame) => this.connection.send(frame) && (this.connection.expectAnswer(), true),
      idle: () => this.uploader.kick(), stuck: () => this.connection.again(),
    });
    this.uploader = new Uploader({
      api: options.api ?? '', queue: this.queue, photos: this.photos, clock: this.clock,
      fetch: options.fetch ?? ((...given) => fetch(...given)),
      session: () => this.#uploadSession(),
      changed: this.recount, uploaded: () => this.drain.flush(),
    });
  }

  async start(): Promise<void> {
    await this.memory.load();
    this.#tabs = openTabs((word) => this.#heardTab(word));
    const nav = typeof navigator === 'undefined' ? undefined : navigator;
    const locks = 'locks' in this.options ? this.options.locks : nav?.locks;
    this.#turn = takeTurns({ db: this.options.db, clock: this.clock, owner: this.chain + draftId(),
      changed: () => this.flush(), locks });
    this.#unwatch = watchNetwork(this.connection);
    await this.queue.trim().catch(this.failed);
    if (this.memory.identity.token) this.connection.connect();
    this.recount();
  }

  stop(): void {
    this.#unwatch();
    this.#turn?.stop();
    this.#tabs?.stop();
    this.#tabs = null;
    this.uploader.stop();
    this.connection.stop();
  }

  // -- telling ---------------------------------------------------------------------------------
  subscribe = (listener: (snapshot: Snapshot) => void): (() => void) =>
    this.#telling.subscribe(listener);

  snapshot = (): Snapshot => this.#telling.snapshot();
  onReply = on(this.replies);
  onSaid = on(this.said);
  onTask = on(this.taskNews);

  changed = (): void => this.#telling.changed();
  recount = (): void => this.#telling.recount(() => this.#personId());

  #rest = (waiting: number): Omit<Snapshot, 'queue' | 'photos'> => {
    const { device, stepsAs, person, session, skewMs } = this.memory.identity;
    return {
      link: this.connection.link, device, stepsAs, person, signedIn: !!session && !!person, skewMs,
      inbox: sorted(this.memory.inbox.tasks), stale: this.stale,
      problem: this.problem ?? this.memory.problem(waiting),
    };
  };

  failed = (error: unknown): void => {
    this.problem = error instanceof StorageProblem ? error.said : storageClosed;
    this.changed();
  };

  // -- who -------------------------------------------------------------------------------------
  enrol = (code: string): Promise<Device> => this.#hearing.enrol(code);
  signIn = (badge: string, pin: string): Promise<Person> => this.#hearing.signIn(badge, pin);
  signOut = (): Promise<void> => this.#hearing.signOut();

  /** Device or person changed: keep it and let the other tabs follow. */
  async identify(change: Parameters<Memory['identify']>[0], tell = true): Promise<void> {
    await this.memory.identify(change);
    if (tell) this.#tabs?.tell({ t: 'identity' });
    this.recount();
  }

  #personId(): number | null {
    return this.memory.identity.person?.id ?? null;
  }

  #maySend(): boolean {
    return this.#hearing.ready && (this.#turn?.held() ?? false);
  }

  #uploadSession(): { person: number; token: string } | null {
    const { person, session } = this.memory.identity;
    const free = this.#maySend() && this.drain.flying === 0;
    return free && person && session ? { person: person.id, token: session } : null;
  }

  // -- operations ------------------------------------------------------------------------------
  /** One after the other: what the hands did first is recorded first. */
  post(op: Operation, options: PostOptions = {}): Promise<Entry> {
    const by = this.#personId();
    if (by === null) return Promise.reject(new Refused(needsSignIn));
    const made = { by, at: this.#moment(), chain: this.chain, view: this.#view, late: this.#apart(),
      ...options };
    const posted = this.#posting.then(() => this.#record(op, made));
    this.#posting = posted.then(() => undefined, () => undefined);
    return posted;
  }

  async #record(op: Operation, made: AddOptions): Promise<Entry> {
    const { entry, fresh } = await this.queue.add(op, made);
    if (this.problem && /^storage/.test(this.problem.code)) this.problem = null;
    if (fresh) this.#newest = entry.id;
    this.flush();
    return entry;
  }

  /** What the hands do now, nobody can refuse before they turn to something else. */
  #apart = (): boolean => this.connection.link !== 'online';

  ask = (op: Operation | LookOp, ms = 6_000): Promise<Reply> => this.#hearing.question(op, ms);

  async keepPhoto(bytes: ArrayBuffer, options: PhotoOptions = {}): Promise<PhotoRow> {
    const by = this.#personId();
    if (by === null) throw new Refused(needsSignIn);
    const row = await this.photos.keep(bytes, { by, at: this.#moment(), ...options });
    this.recount();
    this.uploader.kick();
    return row;
  }

  async attachPhoto(key: string, task: string): Promise<void> {
    await this.photos.update(key, { task });
    this.uploader.kick();
    this.recount();
  }

  async resend(id: string, patch?: Patch): Promise<void> {
    await this.queue.resend(id, { ...patch, late: this.#apart() });
    this.flush();
  }

  async abandon(id: string, reason: string, what = ''): Promise<void> {
    const by = this.#personId();
    if (by === null) throw new Refused(needsSignIn);
    await this.queue.abandon(id, reason, { what, by, at: this.#moment() });
    this.flush();
  }

  acknowledge = (id: string): Promise<void> =>
    this.queue.acknowledge(id).then(() => this.flush());

  /** The queue changed: send what may go, here or in the tab whose turn it is. */
  flush(): void {
    this.drain.flush();
    this.#tabs?.tell({ t: 'queue' });
    this.recount();
  }

  /** An answer, for this tab and for the tab whose screen it belongs to. */
  answered(reply: Reply, entry: Entry, live: boolean, tell = true): void {
    if (reply.data && reply.flow && reply.id === this.#newest) {
      this.#view = { flow: reply.flow, state: reply.next_state, context: reply.context };
    }
    this.replies.forEach((listener) => listener(reply, entry, live));
    if (tell) this.#tabs?.tell({ t: 'answered', reply, entry, live });
  }

  #heardTab(word: Word): void {
    const mine = word.t === 'answered' && word.entry.chain === this.chain;
    if (word.t === 'identity') void this.memory.load().then(() => this.connection.connect());
    else if (mine) this.answered(word.reply, word.entry, word.live, false);
    this.drain.flush();
    this.recount();
  }

  view = (): View | null => this.#view;
  setView = (view: View | null): void => { this.#view = view; };
  connect = (): void => this.connection.network(true);
  now = (): number => this.clock.now() + (this.memory.identity.skewMs ?? 0);
  request = (path: string, init?: RequestInit): Promise<Response> =>
    request({ ...this.options, session: this.memory.identity.session }, path, init);
  #moment = (): string => new Date(this.now()).toISOString();
}
