// Who the scanner is, who holds it, and what it was told last: kept over a dead battery, so that a
// restart shows the inbox at once and resumes without a gap. Not for sockets.

import { EMPTY, type Inbox } from './inbox.ts';
import type { Device, Message, Person } from './frames.ts';
import { deviceRevoked } from './said.ts';
import type { Shelf } from './shelf.ts';

export interface Identity {
  /** Null: it may not speak to the server, so it is no device either. */
  token: string | null;
  /** The token before, of a device that was revoked. Enrolling again shows it once, so that the
   * server knows this page's operations again and books none of them twice. */
  was: string | null;
  device: Device | null;
  /** Its number as a device when it was enrolled first: step ids are made with it for good, so
   * that a step done before it was enrolled again is still the same step. 0: never enrolled. */
  stepsAs: number;
  session: string | null;
  person: Person | null;
  /** Server clock minus device clock. */
  skewMs: number | null;
}

const NOBODY: Identity = { token: null, was: null, device: null, stepsAs: 0, session: null,
  person: null, skewMs: null };

type Told = Omit<Inbox, 'coming'> & { person: number };

export class Memory {
  identity: Identity = NOBODY;
  inbox: Inbox = EMPTY;
  #writing: Promise<void> | null = null;
  #dirty = false;

  /** `failed` hears of a write that did not reach the disk. */
  constructor(readonly shelf: Shelf, readonly failed: (error: unknown) => void) {}

  async load(): Promise<void> {
    this.identity = healed(await this.shelf.get<Identity>('wire', 'identity'));
    const told = await this.shelf.get<Told>('wire', 'told');
    const mine = told && this.identity.person && told.person === this.identity.person.id;
    this.inbox = mine ? { ...told, coming: null } : EMPTY;
  }

  /** What a person must know about who this page is. `waiting`: operations kept on it. */
  problem(waiting: number): Message | null {
    const { token, stepsAs } = this.identity;
    return token || !stepsAs ? null : deviceRevoked(waiting);
  }

  async identify(change: Partial<Identity>): Promise<void> {
    this.identity = { ...this.identity, ...change };
    await this.shelf.put('wire', 'identity', this.identity).catch(this.failed);
  }

  /** Keep the inbox with its cursor; bursts are written once. Resolves when it is on disk. */
  async keepInbox(): Promise<void> {
    this.#dirty = true;
    if (!this.#writing) {
      this.#writing = this.#write();
      this.#writing.then(() => { this.#writing = null; }, () => { this.#writing = null; });
    }
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      const { epoch, cursor, tasks } = this.inbox;
      const told: Told = { person: this.identity.person?.id ?? 0, epoch, cursor, tasks };
      await this.shelf.put('wire', 'told', told).catch(this.failed);
    }
  }
}

export function enrolled(before: Identity, token: string, device: Device): Partial<Identity> {
  return { token, device, session: null, was: null, stepsAs: before.stepsAs || device.id };
}

/** The person stays: what he did is still kept here under his name. */
export function revoked({ token, was }: Identity): Partial<Identity> {
  return { token: null, device: null, session: null, was: token ?? was };
}

/** As it was kept, perhaps by an older page, which left a device without a token. */
function healed(kept: Partial<Identity> = {}): Identity {
  const found = { ...NOBODY, ...kept };
  const stepsAs = found.stepsAs || (found.device ? found.device.id : 0);
  return { ...found, stepsAs, device: found.token ? found.device : null };
}
