// What each frame of the server does to the scanner, and the three things a person asks of it by
// hand: enrol, sign in, sign out. docs/pda-protocol.md is the contract. Not for sending operations.

import type {
  Device, Message, Operation, OpFrame, Person, Reply, ServerFrame,
} from './frames.ts';
import { draftId } from './ids.ts';
import { EMPTY, resumed, withEvent, withPart } from './inbox.ts';
import { deviceRevoked, noAnswer, originRefused, pageOld, Refused } from './said.ts';
import type { Scanner } from './scanner.ts';

const PATIENCE_MS = 15_000;
const LIVE_MS = 15_000; // after that nobody looks at the screen an answer belongs to

interface Asked<T> { id: string; resolve: (value: T) => void; reject: (why: Refused) => void }

export class Hearing {
  /** Welcomed, signed in and caught up: operations may go. */
  ready = false;
  maxBytes = 65_536;
  #code: string | null = null;
  #enrolling: Asked<Device> | null = null;
  #signingIn: Asked<Person> | null = null;
  #signingOut: Asked<void> | null = null;
  #questions = new Map<string, Asked<Reply>>();

  constructor(readonly scanner: Scanner) {}

  opened(): void {
    const { connection, memory, options } = this.scanner;
    const { token, session } = memory.identity;
    if (this.#code !== null) connection.send({ t: 'enrol', v: 1, code: this.#code });
    else if (token) {
      const { epoch, cursor } = memory.inbox;
      const known = session && epoch !== null && cursor !== null ? { epoch, cursor } : {};
      connection.send({ t: 'hello', v: 1, device_token: token, ...(session ? { session } : {}),
        ...known, client: (options.client ?? navigator.userAgent).slice(0, 110) });
    } else connection.stop();
  }

  closed(code: number): void {
    const { scanner } = this;
    this.ready = false;
    void scanner.drain.lost(code).then(() => scanner.recount(), scanner.failed);
    this.#reject(this.#signingIn, noAnswer);
    this.#reject(this.#signingOut, noAnswer);
    this.#questions.forEach((asked) => this.#reject(asked, noAnswer));
    if (code === 4001) {
      scanner.problem = deviceRevoked;
      scanner.connection.stop();
      void scanner.identify({ token: null, session: null });
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

  // -- who -------------------------------------------------------------------------------------
  enrol(code: string): Promise<Device> {
    this.#code = code.replace(/^.*#enrol=/, '').trim();
    this.#reject(this.#enrolling, noAnswer);
    return this.#ask<Device>('enrol', (asked) => {
      this.#enrolling = asked;
      this.scanner.connection.connect();
    });
  }

  signIn(badge: string, pin: string): Promise<Person> {
    this.#reject(this.#signingIn, noAnswer);
    return this.#ask<Person>(draftId(), (asked) => {
      this.#signingIn = asked;
      const sent = this.scanner.connection.send({ t: 'sign_in', id: asked.id, badge, pin });
      if (!sent) asked.reject(new Refused(noAnswer));
      else this.scanner.connection.expectAnswer();
    });
  }

  signOut(): Promise<void> {
    return this.#ask<void>(draftId(), (asked) => {
      this.#signingOut = asked;
      const sent = this.scanner.connection.send({ t: 'sign_out', id: asked.id });
      if (!sent) asked.reject(new Refused(noAnswer));
    });
  }

  question(op: Operation, ms: number): Promise<Reply> {
    const { connection, memory, now } = this.scanner;
    const by = memory.identity.person?.id ?? 0;
    const frame = { ...op, by, at: new Date(now()).toISOString() } as OpFrame;
    return this.#ask<Reply>(op.id, (asked) => {
      this.#questions.set(op.id, asked);
      if (!this.ready || !connection.send(frame)) asked.reject(new Refused(noAnswer));
      else connection.expectAnswer();
    }, ms).finally(() => this.#questions.delete(op.id));
  }

  #ask<T>(id: string, begin: (asked: Asked<T>) => void, ms = PATIENCE_MS): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.scanner.clock.after(ms, () => reject(new Refused(noAnswer)));
      begin({ id, resolve, reject });
    });
  }

  #reject<T>(asked: Asked<T> | null, why: Message): void {
    if (asked) asked.reject(new Refused(why));
  }

  #enrolled(frame: Extract<ServerFrame, { t: 'enrolled' }>): void {
    const { scanner } = this;
    const asked = this.#enrolling;
    this.#code = null;
    this.#enrolling = null;
    scanner.problem = null;
    scanner.memory.inbox = EMPTY;
    const { device_token: token, device } = frame;
    void scanner.identify({ token, device, session: null }).then(() => asked?.resolve(device));
  }

  #welcome(frame: Extract<ServerFrame, { t: 'welcome' }>): void {
    const { scanner } = this;
    this.maxBytes = frame.max_bytes;
    scanner.stale = false;
    if (scanner.problem === pageOld || scanner.problem === originRefused) scanner.problem = null;
    scanner.connection.settled(frame.heartbeat_seconds);
    const skewMs = Date.parse(frame.now) - scanner.clock.now();
    const held = frame.person ? { person: frame.person } : { session: null };
    void scanner.identify({ device: frame.device, skewMs, ...held }, false);
  }

  #signedIn(frame: Extract<ServerFrame, { t: 'signed_in' }>): void {
    const { scanner } = this;
    const asked = this.#signingIn;
    this.#signingIn = null;
    this.ready = false;
    scanner.memory.inbox = EMPTY; // what the person before was told is nothing to resume from
    const { session, person } = frame;
    void scanner.identify({ session, person }).then(() => asked?.resolve(person));
  }

  #signedOut(message: Message | null): void {
    const { scanner } = this;
    this.ready = false;
    const asked = this.#signingOut;
    this.#signingOut = null;
    // Whoever leaves by himself is gone; whose session ran out is still named, his queue waits.
    const gone = message ? {} : { person: null };
    if (!message) scanner.memory.inbox = EMPTY;
    void scanner.identify({ session: null, ...gone }).then(() => asked?.resolve());
    if (message) scanner.said.forEach((listener) => listener(message));
  }

  // -- what happened ---------------------------------------------------------------------------
  #caughtUp(): void {
    this.ready = true;
    void this.scanner.memory.keepInbox();
    this.scanner.flush();
  }

  #event(frame: Extract<ServerFrame, { t: 'event' }>): void {
    const { memory, connection, taskNews } = this.scanner;
    const after = withEvent(memory.inbox, frame, memory.identity.person?.id ?? 0);
    if (!after) {
      this.#resync();
      return;
    }
    memory.inbox = after;
    taskNews.forEach((listener) => listener(frame.task, frame.kind));
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
    this.ready = false;
    memory.inbox = { ...memory.inbox, cursor: null };
    connection.again();
  }

  #reply(reply: Reply): void {
    const { scanner } = this;
    const question = this.#questions.get(reply.id);
    if (question) {
      question.resolve(reply);
      return;
    }
    const entry = scanner.drain.sent(reply.id);
    const live = !!entry && scanner.clock.now() - entry.deviceAt <= LIVE_MS;
    if (entry) scanner.answered(reply, entry, live); // the person first, the disk behind
    void scanner.drain.answered(reply, live).then(() => scanner.flush(), scanner.failed);
  }

  #error(frame: Extract<ServerFrame, { t: 'error' }>): void {
    const { scanner } = this;
    const { id, message, code } = frame;
    if (code === 'bad_version') this.#tooOld();
    if (this.#code !== null && this.#enrolling) {
      this.#code = null;
      this.#reject(this.#enrolling, message);
      this.#enrolling = null;
      if (!scanner.memory.identity.token) scanner.connection.stop();
      else scanner.connection.connect();
      return;
    }
    const asked = [this.#signingIn, this.#signingOut, this.#questions.get(id ?? '')]
      .find((each) => each && each.id === id);
    if (asked) asked.reject(new Refused(message));
    else if (id && scanner.drain.sent(id)) void scanner.drain.refused(id, message);
    if (!asked) scanner.said.forEach((listener) => listener(message));
  }
}
