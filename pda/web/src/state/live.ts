// The one connection of this page, as a reactive snapshot, and the two ways to use it:
//   ask(…)   a question that needs the server now      book(…)  a fact: kept first, sent until answered
// Not for judging (flows/) and not for storage (@jieli/client).
import { shallowReactive } from 'vue';
import { openDb } from '@jieli/client/db';
import type { Inputs, Reply } from '@jieli/client/frames';
import { isRecord } from '@jieli/client/given-up';
import { draftId } from '@jieli/client/ids';
import { isHandedOver, isSettled, type Entry } from '@jieli/client/entries';
import { openShelf, type Shelf } from '@jieli/client/shelf';
import {
  createWire,
  Refused,
  type PostOptions,
  type Snapshot,
  type Wire,
} from '@jieli/client/wire';
import { say } from '../words/index.ts';
import { tellMessage, tellText } from './feedback.ts';

export const live = shallowReactive<Snapshot & { ready: boolean; broken: string; stuck: number; handed: number }>({
  link: 'offline',
  device: null,
  stepsAs: 0,
  person: null,
  signedIn: false,
  inbox: [],
  skewMs: null,
  queue: { waiting: 0, refused: 0, others: 0, oldestAt: null },
  photos: { waiting: 0, homeless: 0, failed: 0 },
  problem: null,
  stale: false,
  ready: false,
  broken: '',
  stuck: 0,
  handed: 0,
});
export let wire: Wire;
export let shelf: Shelf;

const READS = ['open', 'resolve'];

export async function startLive(): Promise<void> {
  try {
    const db = await openDb();
    shelf = openShelf(db);
    wire = createWire({ db, client: navigator.userAgent.slice(0, 110) });
  } catch {
    live.broken = say.t('storageClosed');
    return;
  }
  wire.subscribe((snapshot) => Object.assign(live, snapshot));
  wire.onSaid((message) => tellMessage(message));
  wire.onReply((reply, entry) => {
    if (!reply.ok) setTimeout(recountStuck, 50); // once the queue has it on disk
    if (!reply.ok) tellMessage(reply.message);
    else if (isWork(entry)) tellMessage(reply.message, true);
  });
  await wire.start();
  Object.assign(live, wire.snapshot(), { ready: true });
  recountStuck();
}

/** Refused work stays until a person mends it or gives it up; a refused question is no work. A button
 * of a card was refused before its person's eyes, unless that came long after. */
export function isStuck(entry: Entry): boolean {
  if ((entry.state !== 'refused' && entry.state !== 'conflict') || isHandedOver(entry)) return false;
  return entry.op.t === 'submit' ? isWork(entry) : !entry.seen;
}

/** Not a question, nor word of what was given up. */
export function isWork(entry: Entry): boolean {
  return entry.op.t !== 'submit' || (READS.indexOf(entry.op.action) < 0 && !isRecord(entry.op));
}

export function recountStuck(): void {
  wire.queue.list().then((all) => {
    live.stuck = all.filter(isStuck).length;
    live.handed = all.filter((each) => isHandedOver(each) && !each.seen).length;
  }, sayProblem);
}

export class NoAnswer extends Error {}

/** A question, never queued. Rejects with NoAnswer when there is no network or the server stays silent. */
export async function ask(flow: string, action: string, inputs: Inputs, ms = 6000): Promise<Reply> {
  if (live.link === 'offline') throw new NoAnswer(say.t('notOnline'));
  try {
    const id = draftId();
    return await wire.ask({ t: 'look', id, flow, action, inputs }, ms);
  } catch (why) {
    if (why instanceof Refused && why.said.code !== 'no_answer') throw why;
    throw new NoAnswer(say.t('noAnswer'));
  }
}

/** `same`: this very step is recorded already; nothing was added. */
export type Booked = 'kept' | 'same';

/** A fact under a derived id. A refused one of the same id is done anew, by whoever does it now. */
export async function book(
  id: string,
  flow: string,
  action: string,
  inputs: object,
  more: PostOptions = {},
): Promise<Booked> {
  const plain = JSON.parse(JSON.stringify(inputs)) as Inputs;
  const before = await wire.queue.get(id);
  if (before && (before.state === 'waiting' || isSettled(before))) return 'same';
  await wire.post({ t: 'submit', id, flow, state: '', context: {}, action, inputs: plain }, more);
  return 'kept';
}

/** Press a button of a task's card. */
export async function act(
  task: { id: string; generation: number },
  action: string,
  inputs: object,
  more: PostOptions = {},
): Promise<void> {
  const plain = JSON.parse(JSON.stringify(inputs)) as Inputs;
  await wire.post(
    {
      t: 'act',
      id: draftId(),
      task_id: task.id,
      generation: task.generation,
      action,
      inputs: plain,
    },
    more,
  );
}

/** Whatever goes wrong on the way to the disk is said, never swallowed. */
export function sayProblem(problem: unknown): void {
  const known = problem as { said?: { text: string; en: string; code: string }; message?: string };
  if (known.said) tellText('error', say.pick(known.said), known.said.code);
  else tellText('error', known.message || String(problem));
}

/** The number that step ids are made with. */
export const device = (): number => live.stepsAs;
