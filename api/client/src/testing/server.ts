// The network and a server on its far side, scripted: speaks docs/pda-protocol.md just far enough
// to be disconnected, silenced and doubled in tests. Keeps its first answer to an id.

import type { ClientFrame, Json, OpFrame, Person, Reply, ServerFrame, Task } from '../frames.ts';
import type { FakeClock } from './clock.ts';
import { refusal, reply } from './ops.ts';

export const LI: Person = { id: 5, name: '李四', roles: ['warehouse'] };
export const ZHANG: Person = { id: 6, name: '张三', roles: ['warehouse'] };
const BADGES: Record<string, Person> = { 'BADGE-LI': LI, 'BADGE-ZHANG': ZHANG };

/** `scope`: whose operation ids its own continue; its own number, or that of the one before. */
interface Known { id: number; token: string; scope: number; stopped: boolean }

export class FakeSocket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  session: string | null = null;
  known: Known | null = null;

  constructor(readonly server: FakeServer) {}

  send(text: string): void {
    this.server.receive(this, JSON.parse(text) as ClientFrame);
  }

  close(): void {
    this.readyState = 3;
  }

  /** The connection breaks, or the server closes it. */
  drop(code = 1006): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code });
  }

  say(frame: ServerFrame): void {
    const { server } = this;
    if (server.silent || this.readyState !== 1) return;
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

export class FakeServer {
  reachable = true;
  /** Frames get lost without anything closing: a dead Wi-Fi. */
  silent = false;
  sockets: FakeSocket[] = [];
  heard: ClientFrame[] = [];
  /** Every operation that took effect, once. */
  effects: OpFrame[] = [];
  devices: Known[] = [];
  sessions = new Map<string, Person>();
  stored = new Map<string, { content: string; reply: Reply }>();
  epoch = 'e1';
  seq = 10;
  tasks: Task[] = [];
  missed: { after: number; seq: number; task: Task }[] | null = null;
  skewMs = 0;
  /** The most frames that ever waited for this server at once. */
  mostPending = 0;
  #pending = 0;
  answer: (frame: OpFrame) => Reply | 'break' | 'lose' = (frame) => reply(frame.id);

  constructor(readonly clock: FakeClock) {}

  connect = (_url: string): WebSocket => {
    const socket = new FakeSocket(this);
    this.sockets.push(socket);
    this.clock.after(5, () => {
      if (!this.reachable) socket.drop();
      else {
        socket.readyState = 1;
        socket.onopen?.();
      }
    });
    return socket as unknown as WebSocket;
  };

  get live(): FakeSocket {
    return this.sockets[this.sockets.length - 1] as FakeSocket;
  }

  cut(code = 1006): void {
    this.sockets.forEach((socket) => socket.drop(code));
  }

  /** A supervisor revokes the scanner. */
  revoke(): void {
    this.devices.forEach((each) => { each.stopped = true; });
    this.sessions.clear();
    this.cut(4001);
  }

  of<T extends ClientFrame['t']>(kind: T): Extract<ClientFrame, { t: T }>[] {
    return this.heard.filter((each) => each.t === kind) as Extract<ClientFrame, { t: T }>[];
  }

  receive(socket: FakeSocket, frame: ClientFrame): void {
    if (this.silent) return;
    this.heard.push(frame);
    this.#pending += 1;
    this.mostPending = Math.max(this.mostPending, this.#pending);
    this.clock.after(5, () => {
      this.#pending -= 1;
      this.#answer(socket, frame);
    });
  }

  now(): string {
    return new Date(this.clock.now() + this.skewMs).toISOString();
  }

  /** One change of one task, told to everybody on the line. */
  tell(task: Task): void {
    const after = this.seq;
    this.seq += 3;
    this.sockets.forEach((socket) =>
      socket.say({ t: 'event', after, seq: this.seq, kind: 'task.changed', at: this.now(), task }));
  }

  #answer(socket: FakeSocket, frame: ClientFrame): void {
    if (frame.t !== 'enrol' && frame.t !== 'hello' && !socket.known) {
      socket.drop(4000);
      return;
    }
    switch (frame.t) {
      case 'enrol': this.#enrol(socket, frame); break;
      case 'hello':
        socket.known = this.devices.find((each) => each.token === frame.device_token) ?? null;
        if (!socket.known || socket.known.stopped) {
          socket.drop(4001);
          return;
        }
        socket.session = frame.session ?? null;
        this.#welcome(socket);
        if (this.#person(socket)) this.#catchUp(socket, frame.epoch, frame.cursor);
        break;
      case 'sign_in': this.#signIn(socket, frame); break;
      case 'sign_out':
        socket.session = null;
        socket.say({ t: 'signed_out', id: frame.id, message: null });
        break;
      case 'ping':
        socket.say({ t: 'pong', n: frame.n, seq: this.seq, now: this.now() });
        break;
      case 'ack': break;
      case 'look': socket.say(reply(frame.id)); break;
      default: this.#operate(socket, frame);
    }
  }

  #person(socket: FakeSocket): Person | null {
    return this.sessions.get(socket.session ?? '') ?? null;
  }

  #enrol(socket: FakeSocket, frame: Extract<ClientFrame, { t: 'enrol' }>): void {
    if (frame.code !== 'GOOD') {
      const { message } = refusal('x', 'enrol_code_void');
      socket.say({ t: 'error', id: null, code: 'enrol_code_void', message, sound: 'error' });
      return;
    }
    const id = 3 + this.devices.length;
    const before = this.devices.find((each) => each.stopped && each.token === frame.was);
    socket.known = { id, token: `token-${id}`, scope: before?.scope ?? id, stopped: false };
    this.devices.push(socket.known);
    socket.say({ t: 'enrolled', device_token: `token-${id}`, device: { id, name: `${id}号枪` } });
    this.#welcome(socket);
  }

  #welcome(socket: FakeSocket): void {
    const id = socket.known?.id ?? 0;
    socket.say({ t: 'welcome', v: 1, epoch: this.epoch, now: this.now(), heartbeat_seconds: 20,
      max_bytes: 65_536, device: { id, name: `${id}号枪` }, person: this.#person(socket) });
  }

  #signIn(socket: FakeSocket, frame: Extract<ClientFrame, { t: 'sign_in' }>): void {
    const person = BADGES[frame.badge];
    if (!person || frame.pin !== '4711') {
      const { message } = refusal(frame.id, 'wrong_pin');
      socket.say({ t: 'error', id: frame.id, code: 'wrong_pin', message, sound: 'error' });
      return;
    }
    const session = `session-${this.sessions.size + 1}`;
    this.sessions.set(session, person);
    socket.session = session;
    socket.say({ t: 'signed_in', id: frame.id, session, person });
    this.#catchUp(socket, undefined, undefined);
  }

  #catchUp(socket: FakeSocket, epoch?: string, cursor?: number): void {
    if (epoch === this.epoch && cursor !== undefined && this.missed) {
      this.missed.forEach((each) =>
        socket.say({ t: 'event', kind: 'task.changed', at: this.now(), ...each }));
      socket.say({ t: 'resumed', epoch, seq: this.seq, count: this.missed.length });
      return;
    }
    const half = Math.ceil(this.tasks.length / 2);
    const parts = this.tasks.length > 1 ? [this.tasks.slice(0, half), this.tasks.slice(half)]
      : [this.tasks];
    parts.forEach((tasks, at) => socket.say(
      { t: 'inbox', epoch: this.epoch, seq: this.seq, part: at + 1, parts: parts.length, tasks }));
  }

  #operate(socket: FakeSocket, frame: OpFrame): void {
    const person = this.#person(socket);
    if (!person) socket.say(refusal(frame.id, 'needs_sign_in'));
    else if (frame.by !== person.id) socket.say(refusal(frame.id, 'other_person'));
    else this.#once(socket, frame);
  }

  #once(socket: FakeSocket, frame: OpFrame): void {
    const content = JSON.stringify({ ...frame, at: '' } as Record<string, Json>);
    const keyOf = (id: string): string => `${socket.known?.scope}/${id}`;
    const known = this.stored.get(keyOf(frame.id));
    if (known) {
      socket.say(known.content === content ? known.reply : refusal(frame.id, 'key_reused'));
      return;
    }
    const after = frame.t === 'act' ? undefined : frame.after;
    if (after && !this.stored.has(keyOf(after))) {
      socket.say(refusal(frame.id, 'after_unknown'));
      return;
    }
    const found = this.answer(frame);
    if (found === 'break') {
      socket.drop(1011);
      return;
    }
    const answer = found === 'lose' ? reply(frame.id) : found;
    if (answer.ok || frame.t === 'scan') {
      const final = answer.message.code !== 'busy';
      if (final) this.stored.set(keyOf(frame.id), { content, reply: answer });
    }
    if (answer.ok) this.effects.push(frame);
    if (found !== 'lose') socket.say(answer);
  }
}
