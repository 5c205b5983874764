// What each frame of the server does to the scanner, and what a person asks of it by hand: enrol,
// sign in, sign out, a question. docs/pda-protocol.md is the contract. Not for sending operations.

import { Asking } from './asking.ts';
import type {
  Device, LookOp, Message, Operation, OpFrame, Person, Reply, ServerFrame,
} from './frames.ts';
import { draftId } from './ids.ts';
import { enrolled, revoked } from './identity.ts';
import { EMPTY, resumed, withEvent, withPart } from './inbox.ts';
import { originRefused, pageOld } from './said.ts';
import type { Scanner } from './scanner.ts';

type Question = OpFrame | (LookOp & { by: number });

const PATIENCE_MS = 15_000;
const LIVE_MS = 15_000; // after that nobody looks at the screen an answer belongs to
const ENROL = 'enrol';

export class Hearing {
  /** Welcomed, signed in and caught up: operations may go. */
  ready = false;
  maxBytes = 65_536;
  #code: string | null = null;
  #signOut = '';
  #asking: Asking;
  #waits = 0;
  #held: Question[] = []; // questions put between hello and the inbox

  constructor(readonly scanner: Scanner) {
    this.#asking = new Asking(scanner.clock);
  }

  opened(): void {
    const { connection, memory, options } = this.scanner;
    const { token, session, was } = memory.identity;
    const code = this.#code;
    if (code !== null) connection.send({ t: 'enrol', v: 1, code, ...(was ? { was } : {}) });
    else if (token) {
      const { epoch, cursor } = memory.inbox;
      const known = session && epoch !== null && cursor !== null ? { epoch, cursor } : {};
      connection.send({ t: 'hello', v: 1, device_token: token, ...(session ? { session } : {}),
        ...known, client: (options.client ?? navigator.userAgent).slice(0, 110) });
    } else connection.stop();
  }

  closed(code: number): void {
    const { scanner } = this;
    this.#notReady();
    void scanner.drain.lost(code).then(() => scanner.recount(), scanner.failed);
    this.#asking.lost(ENROL);
    this.#held = [];
    if (code === 4001) {
      scanner.connection.stop();
      void scanner.identify(revoked(scanner.memory.identity));
    } else if (code === 4003) scanner.problem = originRefused;
    else if (code === 4000) this.#tooOld();
    scanner.changed();
  }

  #tooOld(): void {
    this.scanner.stale = true;
    this.scanner.problem = pageOld;
  }

  hear(frame: ServerFrame): void {
    const { scanner } = this;
    switch (frame.t) {
      case 'enrolled': this.#enrolled(frame); break;
      case 'welcome': this.#welcome(frame); break;
      case 'signed_in': this.#signedIn(frame); break;
      case 'signed_out': this.#signedOut(frame.message); break;
      case 'inbox':
        scanner.memory.inbox = withPart(scanner.memory.inbox, frame);
        if (frame.part === frame.parts) this.#caughtUp();
        break;
      case 'resumed':
        scanner.memory.inbox = resumed(scanner.memory.inbox, frame);
        this.#caughtUp();
        break;
      case 'event': this.#event(frame); break;
      case 'pong': this.#pong(frame); break;
      case 'reply': this.#reply(frame); break;
      case 'error': this.#error(frame); break;
    }
    scanner.changed();
  }

  // -- asking ----------------------------------------------------------------------------------
  enrol(code: string): Promise<Device> {
    this.#code = code.replace(/^.*#enrol=/, '').trim();
    const begin = (): boolean => {
      this.scanner.connection.connect();
      return true;
    };
    return this.#asking.ask<Device>(ENROL, begin, PATIENCE_MS);
  }

  signIn(badge: string, pin: string): Promise<Person> {
    const { connection } = this.scanner;
    const id = draftId();
    const send = (): boolean => connection.send({ t: 'sign_in', id, badge, pin });
    const asked = this.#asking.ask<Person>(id, send, PATIENCE_MS);
    connection.expectAnswer();
    return asked;
  }

  signOut(): Promise<void> {
    this.#signOut = draftId();
    const frame = { t: 'sign_out' as const, id: this.#signOut };
    const send = (): boolean => this.scanner.connection.send(frame);
    return this.#asking.ask<void>(frame.id, send, PATIENCE_MS);
  }

  question(op: Operation | LookOp, ms: number): Promise<Reply> {
    const { connection, memory, now } = this.scanner;
    const by = memory.identity.person?.id ?? 0;
    const frame = op.t === 'look' ? { ...op, by }
      : { ...op, by, at: new Date(now()).toISOString() } as OpFrame;
    const send = (): boolean => connection.send(frame);
    const hold = (): boolean => connection.link !== 'offline' && this.#held.push(frame) > 0;
    const asked = this.#asking.ask<Reply>(op.id, () => (this.ready ? send() : hold()), ms);
    connection.expectAnswer();
    return asked;
  }

  // -- who -------------------------------------------------------------------------------------
  #enrolled(frame: Extract<ServerFrame, { t: 'enrolled' }>): void {
    const { scanner } = this;
    this.#code = null;
    scanner.problem = null;
    scanner.memory.inbox = EMPTY;
    const { device_token: token, device } = frame;
    const kept = scanner.identify(enrolled(scanner.memory.identity, token, device));
    void kept.then(() => this.#asking.answer(ENROL, device));
  }

  #welcome(frame: Extract<ServerFrame, { t: 'welcome' }>): void {
    const { scanner } = this;
    this.maxBytes = frame.max_bytes;
    scanner.stale = false;
    if (scanner.problem === pageOld || scanner.problem === originRefused) scanner.problem = null;
    scanner.connection.settled(frame.heartbeat_seconds);
    const skewMs = Date.parse(frame.now) - scanner.clock.now();
    const held = frame.person ? { person: frame.person } : { session: null };
    if (frame.person) this.#expectToCatchUp();
    void scanner.identify({ device: frame.device, skewMs, ...held }, false);
  }

  #signedIn(frame: Extract<ServerFrame, { t: 'signed_in' }>): void {
    const { scanner } = this;
    scanner.memory.inbox = EMPTY; // what the person before was told is nothing to resume from
    this.#expectToCatchUp();
    const { id, session, person } = frame;
    void scanner.identify({ session, person }).then(() => this.#asking.answer(id, person));
  }

  #signedOut(message: Message | null): void {
    const { scanner } = this;
    this.#notReady();
    // Whoever leaves by himself is gone; whose session ran out is still named, his queue waits.
    const gone = message ? {} : { person: null };
    if (!message) scanner.memory.inbox = EMPTY;
    const kept = scanner.identify({ session: null, ...gone });
    void kept.then(() => this.#asking.answer(this.#signOut, undefined));
    if (message) scanner.said.forEach((listener) => listener(message));
  }

  // -- what happened ---------------------------------------------------------------------------
  #notReady(): void {
    this.ready = false;
    this.#waits += 1;
  }

  /** The inbox must follow; if it does not, something got lost on the way. */
  #expectToCatchUp(): void {
    this.#notReady();
    const waits = this.#waits;
    this.scanner.clock.after(PATIENCE_MS, () => {
      if (waits === this.#waits && !this.ready) this.scanner.connection.again();
    });
  }

  #caughtUp(): void {
    this.ready = true;
    void this.scanner.memory.keepInbox();
    this.#held.splice(0).filter((each) => this.#asking.isOpen(each.id))
      .forEach((each) => this.scanner.connection.send(each));
    this.scanner.flush();
  }

  #event(frame: Extract<ServerFrame, { t: 'event' }>): void {
    const { memory, connection, taskNews, queue } = this.scanner;
    const after = withEvent(memory.inbox, frame, memory.identity.person?.id ?? 0);
    if (!after) {
      this.#resync();
      return;
    }
    memory.inbox = after;
    const { task } = frame;
    if (task.kind === 'conflict' && (task.state === 'done' || task.state === 'cancelled')) {
      void queue.decided(task.id, task.result ?? '').then(() => this.scanner.recount());
    }
    taskNews.forEach((listener) => listener(task, frame.kind));
    const ack = (): unknown => connection.send({ t: 'ack', seq: memory.inbox.cursor ?? 0 });
    void memory.keepInbox().then(ack);
  }

  #pong(frame: Extract<ServerFrame, { t: 'pong' }>): void {
    const { memory, connection, clock, drain } = this.scanner;
    const skewMs = Date.parse(frame.now) + connection.lastAnswerMs / 2 - clock.now();
    memory.identity = { ...memory.identity, skewMs: Math.round(skewMs) };
    const { cursor } = memory.inbox;
    if (this.ready && cursor !== null && frame.seq > cursor) this.#resync();
    else drain.flush(); // another tab may have recorded something
  }

  /** Something is missing: drop the cursor, come back, take the snapshot. */
  #resync(): void {
    const { memory, connection } = this.scanner;
    memory.inbox = { ...memory.inbox, cursor: null };
    connection.again();
  }

  #reply(reply: Reply): void {
    const { scanner } = this;
    if (this.#asking.answer(reply.id, reply)) return;
    const entry = scanner.drain.sent(reply.id);
    const live = !!entry && scanner.clock.now() - entry.deviceAt <= LIVE_MS;
    if (entry) scanner.answered(reply, entry, live); // the person first, the disk behind
    void scanner.drain.answered(reply, live).then(() => scanner.flush(), scanner.failed);
  }

  #error(frame: Extract<ServerFrame, { t: 'error' }>): void {
    const { scanner } = this;
    const { message, code } = frame;
    const id = frame.id ?? '';
    if (code === 'bad_version') this.#tooOld();
    if (this.#code !== null && this.#asking.refuse(ENROL, message)) {
      this.#code = null;
      if (scanner.memory.identity.token) scanner.connection.connect();
      else scanner.connection.stop();
      return;
    }
    if (this.#asking.refuse(id, message)) return;
    if (scanner.drain.sent(id)) void scanner.drain.refused(id, message);
    scanner.said.forEach((listener) => listener(message));
  }
}
