// One seed: packs are fetched, then 24 hours without a network in which tabs are closed and killed,
// the clock is set wrong and a colleague does part of the same work; then online until nothing waits.

import type { Inputs, Reply } from '@jieli/client/frames';
import { draftId } from '@jieli/client/ids';
import { DeviceClock, sleep } from './clock.ts';
import { plan, type Hands, type Stage, type Step } from './hands.ts';
import { Net } from './net.ts';
import { Random } from './random.ts';
import { Tab, type Device } from './tab.ts';

export type Ask = (question: { [key: string]: unknown }) => Promise<unknown>;

const PATIENCE_MS = 45_000;

export class Day {
  readonly random: Random;
  readonly device: Device;
  tabs: Tab[] = [];
  counts: { [what: string]: number } = {};
  colleague: string[] = [];
  errors: string[] = [];
  #made = 0;

  constructor(readonly seed: number, base: string, readonly stage: Stage, readonly ask: Ask) {
    this.random = new Random(seed);
    const net = new Net(base, this.random);
    this.device = { name: `day-${seed}`, clock: new DeviceClock(), net };
    net.onDeath = () => {
      this.#count('deaths');
      this.tabs.forEach((each) => this.#count('torn writes', each.kill()));
    };
  }

  async play(): Promise<object> {
    const hands = await this.#morning();
    this.device.net.down();
    await this.#offline(hands);
    await this.#online();
    return this.#report(hands);
  }

  // -- parts of the day ------------------------------------------------------------------------
  async #morning(): Promise<Hands> {
    const { stage, random } = this;
    const tab = await this.#open();
    await patiently(() => (tab.wire.snapshot().device ? null : tab.wire.enrol(stage.code)));
    await patiently(() => (tab.wire.snapshot().signedIn ? null
      : tab.wire.signIn(stage.badge, stage.pin)));
    await until(() => tab.wire.snapshot().inbox.some((each) => each.kind === 'count'));
    const sheet = tab.wire.snapshot().inbox.find((each) => each.kind === 'count');
    await this.#fetch(tab, 'receive', { order_id: stage.ids.order as string });
    await this.#fetch(tab, 'pick', { wave_id: stage.ids.wave as string });
    await this.#fetch(tab, 'count', { task_id: sheet?.id ?? '' });
    const device = tab.wire.snapshot().device?.id ?? 0;
    return { stage, random, device, done: new Set() };
  }

  async #fetch(tab: Tab, flow: string, inputs: Inputs): Promise<void> {
    const reply = await patiently<Reply>(() => tab.wire.ask(
      { t: 'submit', id: draftId(), flow, state: '', context: {}, action: 'open', inputs }));
    if (!reply?.ok || !reply.data) throw new Error(`no pack: ${reply?.message.text}`);
    await tab.shelf.put('pack', flow, reply.data);
  }

  async #offline(hands: Hands): Promise<void> {
    const { random, device } = this;
    const left = plan(hands);
    const meets = random.below(left.length);
    while (left.length) {
      if (left.length === meets && random.chance(0.6)) await this.#colleague();
      const step = left.splice(random.below(left.length), 1)[0] as Step;
      await this.#attempt(step);
      if (random.chance(0.2)) await this.#reload();
      if (random.chance(0.2)) {
        device.clock.jump(random.chance(0.5) ? 3 : -3);
        this.#count('clock set');
      }
    }
    device.clock.jump(24);
    await this.ask({ do: 'pass', minutes: 24 * 60 });
  }

  async #colleague(): Promise<void> {
    const kind = this.random.pick(['receive', 'pick', 'count']);
    this.colleague.push(kind);
    await this.ask({ do: 'colleague', kind });
  }

  /** Until it is recorded; the tab may be killed in the middle of it. */
  async #attempt(step: Step): Promise<void> {
    for (;;) {
      const tab = await this.#current();
      const killed = this.random.chance(0.3) ? this.#doom(tab) : null;
      const doing = step(tab);
      if (killed) {
        doing.catch(() => undefined);
        await Promise.race([killed, doing.then(() => sleep(5), () => killed)]);
      }
      try {
        await (killed && tab.dead ? Promise.race([doing, sleep(50).then(died)]) : doing);
        tab.doom = null;
        return;
      } catch (problem) {
        if (!tab.dead) throw problem;
      }
    }
  }

  /** The battery dies in the middle of a step, at one of its writes. */
  #doom(tab: Tab): Promise<void> {
    return new Promise((done) => {
      const strike = (): void => {
        this.#count('torn writes', tab.kill());
        this.#count('kills');
        done();
      };
      tab.doom = { writes: 1 + this.random.below(3), torn: this.random.chance(0.5), strike };
    });
  }

  async #online(): Promise<void> {
    const { random, device } = this;
    const some = (): number => random.below(3);
    device.net.faults = { acks: some(), cuts: some(), uploads: some() };
    device.net.up = true;
    if (random.chance(0.4)) {
      await this.#open();
      this.#count('two tabs');
    }
    const began = Date.now();
    for (;;) {
      const tab = await this.#current();
      if (await this.#settled(tab).catch(() => false)) return;
      if (Date.now() - began > PATIENCE_MS) {
        this.errors.push(`not settled: ${JSON.stringify(tab.wire.snapshot())}`);
        return;
      }
      if (random.chance(0.02)) await this.#reload();
      await sleep(10);
    }
  }

  /** What a person does who looks at the strip now and then. */
  async #settled(tab: Tab): Promise<boolean> {
    const now = tab.wire.snapshot();
    if (now.link === 'offline') {
      tab.wire.connect();
      await sleep(40);
      return false;
    }
    if (!now.signedIn) {
      await tab.wire.signIn(this.stage.badge, this.stage.pin);
      return false;
    }
    for (const each of await tab.wire.queue.list('refused')) await this.#giveUp(tab, each.id);
    for (const each of await tab.wire.queue.list('conflict')) {
      if (!each.reply?.conflict) await this.#giveUp(tab, each.id);
    }
    const photos = await tab.wire.photos.list();
    const task = now.inbox.find((each) => each.kind === 'receive')?.id ?? now.inbox[0]?.id;
    for (const each of photos) {
      const lost = each.state === 'homeless' || (each.state === 'uploaded' && !each.op);
      if (lost && !each.task && task) await tab.wire.attachPhoto(each.key, task);
    }
    const open = photos.some((each) => each.state !== 'done' && each.state !== 'failed');
    return !open && !(await tab.wire.queue.waiting()).length;
  }

  async #giveUp(tab: Tab, id: string): Promise<void> {
    await tab.wire.abandon(id, '已在电脑上补录');
    this.#count('given up');
  }

  async #report(hands: Hands): Promise<object> {
    const tab = await this.#current();
    const entries = (await tab.wire.queue.list()).map((each) => ({
      id: each.id, state: each.state, conflict: each.reply?.conflict?.task_id ?? '',
      said: each.said?.code ?? '', tries: each.tries, late: each.late,
      ...(each.op.t === 'submit'
        ? { flow: each.op.flow, action: each.op.action, inputs: each.op.inputs } : {}),
    }));
    const photos = (await tab.wire.photos.list()).map(({ key, state, fileId, problem }) =>
      ({ key, state, file: fileId, problem }));
    this.tabs.forEach((each) => each.close());
    await sleep(60);
    indexedDB.deleteDatabase(this.device.name);
    return { seed: this.seed, entries, photos, hands: Array.from(hands.done), errors: this.errors,
      colleague: this.colleague, counts: { ...this.counts, ...this.device.net.count } };
  }

  // -- tabs ------------------------------------------------------------------------------------
  async #open(): Promise<Tab> {
    const made = await Tab.open(this.device, `${this.device.name}-tab-${(this.#made += 1)}`);
    this.tabs.push(made);
    return made;
  }

  async #current(): Promise<Tab> {
    this.tabs = this.tabs.filter((each) => !each.dead);
    return this.tabs[0] ?? this.#open();
  }

  async #reload(): Promise<void> {
    this.#count('reloads');
    (await this.#current()).close();
    await this.#current();
  }

  #count(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }
}

/** Whoever gets no answer does it once more: seconds are short here, the machine may be busy. */
async function patiently<T>(what: () => Promise<T> | null): Promise<T | null> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await what();
    } catch (problem) {
      if (tries > 20 || (problem as Error).message !== 'no_answer') throw problem;
      await sleep(150);
    }
  }
}

function died(): never {
  throw new Error('the tab is gone');
}

export async function until(there: () => boolean): Promise<void> {
  for (let n = 0; n < 2_000 && !there(); n += 1) await sleep(5);
  if (!there()) throw new Error('it never came');
}
