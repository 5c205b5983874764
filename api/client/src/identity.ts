// Who the scanner is, who holds it, and what it was told last: kept over a dead battery, so that a
// restart shows the inbox at once and resumes without a gap. Not for sockets.

import { EMPTY, type Inbox } from './inbox.ts';
import type { Device, Person } from './frames.ts';
import type { Shelf } from './shelf.ts';

export interface Identity {
  token: string | null;
  device: Device | null;
  session: string | null;
  person: Person | null;
  /** Server clock minus device clock. */
  skewMs: number | null;
}

const NOBODY: Identity = { token: null, device: null, session: null, person: null, skewMs: null };

type Told = Omit<Inbox, 'coming'> & { person: number };

export class Memory {
  identity: Identity = NOBODY;
  inbox: Inbox = EMPTY;
  #writing: Promise<void> | null = null;
  #dirty = false;

  /** `failed` hears of a write that did not reach the disk. */
  constructor(readonly shelf: Shelf, readonly failed: (error: unknown) => void) {}

  async load(): Promise<void> {
    this.identity = { ...NOBODY, ...(await this.shelf.get<Identity>('wire', 'identity')) };
    const told = await this.shelf.get<Told>('wire', 'told');
    const mine = told && this.identity.person && told.person === this.identity.person.id;
    this.inbox = mine ? { ...told, coming: null } : EMPTY;
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
