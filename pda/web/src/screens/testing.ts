// A scanner in a test: the real page, a scripted server, one screen at a time; one for each file of
// tests, each test its own work. Not for the product.
import 'fake-indexeddb/auto';
import { expect } from 'vitest';
import { createApp, watch, type App, type Component } from 'vue';
import { realClock } from '@jieli/client/clock';
import type { ClientFrame, Inputs, LookOp } from '@jieli/client/frames';
import type { FakeClock } from '@jieli/client/testing/clock';
import { reply } from '@jieli/client/testing/ops';
import { FakeServer, type FakeSocket } from '@jieli/client/testing/server';
import { router } from '../router.ts';
import { band } from '../state/feedback.ts';
import { live, startLive, wire } from '../state/live.ts';
import { bus, startScanner } from '../state/scanner.ts';

/** Goods as a pack names them: 杯盖, counted in pieces. */
export const LIDS = '6901002002013';
export const lids = {
  item_id: 1,
  item_code: 'JL-201',
  item_name: '杯盖',
  unit: '只',
  tracking: 'none' as const,
  needs_expiry: false,
  needs_inspection: false,
  checklist: [],
  lots: [],
  barcodes: [{ code: LIDS, per_scan: '1' }],
};

type Look = LookOp & { inputs: Inputs };

/** The scripted server, which also answers what a screen asks when it opens. */
class Floor extends FakeServer {
  /** The pack of `open`, what a code is; null: nothing is left of it. */
  pack: (look: Look) => object | null = () => null;

  override receive(socket: FakeSocket, frame: ClientFrame): void {
    if (frame.t !== 'look' || this.silent) return super.receive(socket, frame);
    const data = this.pack(frame as Look) as Inputs | null;
    const next_state = data ? 'work' : 'start';
    const answer = reply(frame.id, { flow: frame.flow, data, next_state });
    this.clock.after(5, () => socket.say(answer));
  }
}

export const soon = (ms = 60): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Until it is so; what it is, is the failure. */
export async function until(isSo: () => unknown, what = () => isSo.toString()): Promise<void> {
  for (let n = 0; n < 100 && !isSo(); n += 1) await soon(30);
  if (!isSo()) throw new Error(`not so: ${what()}`);
}

export class Gun {
  page = document.body;
  #app: App | null = null;
  #heard: string[] = [];

  constructor(readonly floor: Floor) {
    const hear = (): void => {
      if (band.said) this.#heard.push(`${band.said.level}: ${band.said.text}`);
    };
    watch(() => band.n, hear, { flush: 'sync' });
  }

  async signIn(badge: string): Promise<void> {
    await this.settled(); // whoever goes leaves nothing behind
    if (live.signedIn) await wire.signOut();
    await wire.signIn(badge, '4711');
    await until(() => live.signedIn && live.link === 'online');
  }

  /** A screen on top, instead of the one before. */
  async open(screen: Component, props: object = {}): Promise<void> {
    this.leave();
    this.page = document.body.appendChild(document.createElement('div'));
    this.#app = createApp(screen, { ...props }).use(router);
    this.#app.mount(this.page);
    await soon();
  }

  leave(): void {
    if (this.#app) this.#app.unmount();
    this.#app = null;
    if (this.page !== document.body) this.page.remove();
  }

  async scan(code: string): Promise<void> {
    this.#heard = [];
    bus.inject(code);
    await soon(30);
  }

  async tap(words: string): Promise<void> {
    this.#heard = [];
    const key = (): HTMLButtonElement | undefined =>
      Array.from(this.page.querySelectorAll('button')).find(
        (each) => !each.disabled && (each.textContent || '').includes(words),
      );
    await until(() => !!key(), () => `no key 「${words}」: ${this.shows()}`);
    key()!.click();
    await soon(100);
  }

  /** Until nothing waits to be sent, by the disk: the strip may be a blink behind. */
  async settled(): Promise<void> {
    let waits = await wire.queue.waiting();
    for (let n = 0; n < 100 && waits.length; n += 1) {
      await soon(30);
      waits = await wire.queue.waiting();
    }
    expect(waits).toEqual([]);
    await soon();
  }

  /** Until the band says it, since the last scan or tap. */
  says(words: string): Promise<void> {
    const said = (): boolean => this.#heard.some((each) => each.includes(words));
    return until(said, () => `「${words}」 but ${this.#heard.join(' | ')}`);
  }

  shows(): string {
    return (this.page.textContent || '').replace(/\s+/g, ' ');
  }

  /** What was booked: by whom, as what, of how much. */
  booked(): { by: number; action: string; inputs: Inputs }[] {
    return this.floor.effects.map((each) => {
      const inputs = ('inputs' in each && each.inputs) || {};
      return { by: each.by, action: each.t === 'scan' ? each.code : each.action, inputs };
    });
  }
}

/** A bound scanner in the hands of 李四. */
export async function takeGun(): Promise<Gun> {
  const floor = new Floor(realClock as unknown as FakeClock);
  const socket = function (url: string): WebSocket {
    return floor.connect(url);
  };
  globalThis.WebSocket = socket as unknown as typeof WebSocket;
  await startLive();
  startScanner();
  await wire.enrol('GOOD');
  const gun = new Gun(floor);
  await gun.signIn('BADGE-LI');
  return gun;
}
