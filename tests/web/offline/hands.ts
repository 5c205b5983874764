// What the hands do, by the app's own models of its screens: scans in, one operation out. A step
// may be begun again after the tab died: its id comes from the work, so it is the same operation.

import { isSettled } from '@jieli/client/entries';
import type { Inputs } from '@jieli/client/frames';
import { draftId, stepId } from '@jieli/client/ids';
import type { PostOptions } from '@jieli/client/wire';
import * as count from '../../../pda/web/src/flows/count.ts';
import type { Judged } from '../../../pda/web/src/flows/judgement.ts';
import * as pick from '../../../pda/web/src/flows/pick.ts';
import * as receive from '../../../pda/web/src/flows/receive.ts';
import { scanned } from '../../../pda/web/src/flows/receive-scan.ts';
import type { Random } from './random.ts';
import type { Tab } from './tab.ts';

/** What the server told of this seed's work; codes begin with `prefix`. */
export interface Stage {
  prefix: string;
  ids: { [name: string]: string };
  code: string;
  badge: string;
  pin: string;
  photos: string[];
  /** `new-ids`: whoever does a step again tells it as another operation. */
  mutant: string;
}
export interface Hands { stage: Stage; random: Random; device: number; done: Set<string> }
export type Step = (tab: Tab) => Promise<void>;

const CONTENT = 'J1:'; // labels as we print them

/** As the app's `book`: recorded once, a refused one is mended and sent again. */
async function book(
  tab: Tab, id: string, flow: string, action: string, inputs: object, more: PostOptions = {},
): Promise<void> {
  const plain = JSON.parse(JSON.stringify(inputs)) as Inputs;
  const before = await tab.wire.queue.get(id);
  if (before && (before.state === 'waiting' || isSettled(before))) return;
  if (before) await tab.wire.resend(id, { inputs: plain });
  else {
    await tab.wire.post(
      { t: 'submit', id, flow, state: '', context: {}, action, inputs: plain }, more);
  }
}

function idOf(hands: Hands, work: string, step: string, version: string | number): string {
  return hands.stage.mutant === 'new-ids' ? draftId() : stepId(work, step, version, hands.device);
}

async function packOf<P>(tab: Tab, key: string): Promise<P> {
  return (await tab.shelf.get<P>('pack', key)) as P;
}

function must<D>(found: Judged<D>, level: string[] = ['ok']): D {
  if (level.indexOf(found.said.level) < 0) throw new Error(`not counted: ${found.said.text}`);
  return found.draft;
}

/** Ways in which a day's work ends; drawn once, so that a step begun again is the same. */
export function plan(hands: Hands): Step[] {
  const { random } = hands;
  const steps = [
    receiving(hands, random.chance(0.5), random.chance(0.4)), shelving(hands),
    counting(hands, random.chance(0.3) ? 19 : 20), picture(hands, 3),
  ];
  for (const place of ['P1', 'P2', 'P3']) steps.push(picking(hands, place, random.chance(0.2)));
  return steps;
}

/** The lot that is inspected; `bad`: some of it, with a photo; `all`: it is all bad. */
function receiving(hands: Hands, bad: boolean, all: boolean): Step {
  const { prefix, ids, photos } = hands.stage;
  return async (tab) => {
    const work = await packOf<receive.Pack>(tab, 'receive');
    const row = work.lines.find((each) => each.id === ids['line-syrup']) as receive.Line;
    if (row.open === '0') return;
    let draft = receive.fresh();
    for (const label of [`${CONTENT}I${prefix}-syrup:LL-1:N20`, `${CONTENT}I${prefix}-syrup:LL-1:N28`]) {
      draft = must(scanned(draft, work, label));
    }
    draft = receive.passed(draft, row);
    if (bad) {
      draft = receive.failed(draft, row, all ? draft.quantity : draft.quantity / 4);
      draft = { ...draft, reason: '破损', checks: { box: 'ok' } };
      const keys = [await photograph(tab, photos[0] as string, null)];
      if (all) keys.push(await photograph(tab, photos[1] as string, null));
      draft = { ...draft, photos: keys };
    }
    const bin = must(scanned(draft, work, `${CONTENT}P${prefix}-R1`), ['ok', 'ask']);
    if (receive.missing(bin, row, work.today).length) throw new Error('the form is not complete');
    const id = idOf(hands, row.id, 'receive', row.received);
    const more = { photos: draft.photos, photoField: 'photos' };
    await book(tab, id, 'receive', 'confirm', receive.facts(bin, row), more);
    hands.done.add(id);
    await tab.shelf.put('pack', 'receive', receive.booked(work, bin));
  };
}

function shelving(hands: Hands): Step {
  const { prefix, ids } = hands.stage;
  const full = hands.random.chance(0.5);
  return async (tab) => {
    const work = await packOf<receive.Pack>(tab, 'receive');
    const row = work.lines.find((each) => each.id === ids['line-box']) as receive.Line;
    if (row.received !== '0') return;
    let draft = must(scanned(receive.fresh(), work, `J1:I${prefix}-box:N${full ? 30 : 12}`));
    draft = must(scanned(draft, work, `${prefix}-R2`));
    const id = idOf(hands, row.id, 'receive', row.received);
    await book(tab, id, 'receive', 'confirm', receive.facts(draft, row));
    hands.done.add(id);
    await tab.shelf.put('pack', 'receive', receive.booked(work, draft));
  };
}

function picking(hands: Hands, place: string, short: boolean): Step {
  const { ids } = hands.stage;
  return async (tab) => {
    const work = await packOf<pick.Pack>(tab, 'pick');
    const row = work.lines.find((each) => each.id === ids[`stop-${place}`]) as pick.Line;
    if (row.state !== 'open') return;
    let draft = must(pick.scanned(pick.fresh(row.id), work, `J1:P${row.bin}`));
    const wanted = Number(row.quantity) - (short ? 1 : 0);
    for (let n = 0; n < wanted; n += 1) {
      draft = must(pick.scanned(draft, work, `J1:I${row.item_code}`));
    }
    if (short) draft = { ...draft, reason: (work.short_reasons[0] as { key: string }).key };
    const action = short ? 'short' : 'pick';
    const id = idOf(hands, row.id, action, row.version);
    const facts = short ? pick.shortFacts(draft, row) : pick.pickFacts(draft, row);
    await book(tab, id, 'pick', action, facts);
    hands.done.add(id);
    await tab.shelf.put('pack', 'pick', pick.booked(work, draft, short ? 'short' : 'picked'));
  };
}

function counting(hands: Hands, seen: number): Step {
  const { prefix, ids } = hands.stage;
  return async (tab) => {
    const work = await packOf<count.Pack>(tab, 'count');
    if (work.sheet.length) {
      let draft = must(count.scanned(count.fresh(), work, `J1:P${prefix}-C1`));
      draft = must(count.scanned(draft, work, `J1:I${prefix}-tin:N${seen}`));
      const id = idOf(hands, work.count_id, `count:${draft.place}`, `0:${seen}`);
      await book(tab, id, 'count', 'place', count.facts(draft, work));
      hands.done.add(id);
      await tab.shelf.put('pack', 'count', count.saved(work, draft));
    }
    const id = idOf(hands, ids.count as string, 'finish', 0);
    await book(tab, id, 'count', 'finish', { count_id: ids.count });
    hands.done.add(id);
  };
}

/** A photo of anything, on the task of the order. */
function picture(hands: Hands, n: number): Step {
  return async (tab) => {
    const task = tab.wire.snapshot().inbox.find((each) => each.kind === 'receive');
    await photograph(tab, hands.stage.photos[n] as string, task?.id ?? null);
  };
}

/** The same picture taken again after the tab died is the one that is there already. */
async function photograph(tab: Tab, picture: string, task: string | null): Promise<string> {
  const bytes = Uint8Array.from(Buffer.from(picture, 'base64'));
  const name = `${picture.slice(-24)}.jpg`;
  const known = (await tab.wire.photos.list()).find((each) => each.note === name);
  if (known) return known.key;
  return (await tab.wire.keepPhoto(bytes.buffer, { task, note: name })).key;
}
