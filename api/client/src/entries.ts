// What one entry of the queue is and how it changes. Pure; queue.ts loads and saves.

import { frameOf, screenOf } from './build.ts';
import type { Inputs, Message, Operation, OpFrame, Reply, View } from './frames.ts';
import { draftId } from './ids.ts';
import { givenUp, maybeDone, redone } from './said.ts';

export type State = 'waiting' | 'sent' | 'refused' | 'conflict' | 'abandoned';

export interface Entry {
  /** Order of recording; given by the store. */
  n: number;
  id: string;
  op: Operation;
  /** The person who did it; sent only while that person is signed in. */
  by: number;
  /** When the hands did it, by the server's clock as far as the device knows it. */
  at: string;
  /** The same moment by the device's own clock, for measuring how long it waits. */
  deviceAt: number;
  /** The page (tab) whose screen it belongs to. */
  chain: string;
  /** The operation of the same screen before it. */
  behind: string | null;
  state: State;
  /** What is sent; frozen once made, so that a repeat is the same content. */
  frame: OpFrame | null;
  /** How often it went on the wire, or was about to. */
  tries: number;
  /** Finished without a connection. Decided before it first goes on the wire, then for good. */
  late: boolean;
  /** Since when it waits, by the device's own clock. */
  since: number;
  /** How often the server broke (close 1011) on it. */
  breaks: number;
  /** Which confirmation it is: a question was answered by doing the same again. */
  again: number;
  reply: Reply | null;
  /** Why it is refused, in conflict, set aside or abandoned. */
  said: Message | null;
  reason: string;
  /** What the supervisor decided about a conflict, when this person was told. */
  verdict: string;
  /** False while a refusal, conflict or abandonment waits to be seen by a person. */
  seen: boolean;
  photos: string[];
  /** The input that takes the ids of photos: `photos` a list, any other name one id. */
  photoField: string;
  /** The server demands the photo: wait for its upload. */
  photosFirst: boolean;
}

export interface AddOptions {
  by: number;
  at?: string;
  chain?: string;
  /** The screen it belongs to when nothing before it is unanswered. */
  view?: View | null;
  photos?: string[];
  photoField?: string;
  photosFirst?: boolean;
  late?: boolean;
}

export interface Counts {
  waiting: number;
  /** Refused or in conflict, and nobody has seen it yet. */
  refused: number;
  /** Of those waiting: of somebody who is not signed in. */
  others: number;
  /** Device time (ms) of the oldest waiting one; null when nothing waits. */
  oldestAt: number | null;
}

export interface Patch { inputs?: Inputs; generation?: number; late?: boolean }

/** Answers that mean "not now": the operation stays and is sent again under the same id. */
export const LATER = ['busy', 'needs_sign_in', 'signed_out', 'other_person', 'after_unknown'];

/** Refusals that mean "somebody changed it meanwhile": mine against the server's. */
const CONFLICTS = ['already_decided', 'already_done', 'already_reversed', 'claimed',
  'count_changed', 'key_reused', 'line_gone', 'not_now', 'nothing_open', 'order_closed',
  'reservation_closed', 'stale_card', 'wrong_state'];

const LATE_MS = 30_000; // whoever did it has turned to something else

export function isWaiting(entry: Entry): boolean {
  return entry.state === 'waiting';
}

/** Nothing is left to do about it on this device: booked, a supervisor's, or done by another. */
export function isSettled(entry: Entry): boolean {
  return entry.state === 'sent' || isHandedOver(entry) || entry.said?.code === 'redone';
}

/** Late work that the books refused: a supervisor has it. */
export function isHandedOver(entry: Entry): boolean {
  return entry.state === 'conflict' && !!entry.reply?.conflict;
}

/** Nobody needs it any more. Refused work stays until it is mended or given up; a refused scan or
 * button is over once its person saw that. */
export function isOver(entry: Entry): boolean {
  if (!entry.seen || isWaiting(entry)) return false;
  return isSettled(entry) || entry.state === 'abandoned' || entry.op.t !== 'submit';
}

/** The same id again: nothing is added. A refused one was not stored, so it may be mended. */
export function keepsFirst(old: Entry): boolean {
  return old.state === 'waiting' || isSettled(old) || old.op.t === 'scan';
}

/** It was answered by a question, and doing it again means yes: that is another operation. */
export function onceMore(old: Entry): boolean {
  return old.op.t !== 'scan' && old.state !== 'waiting' && old.reply?.message.level === 'ask';
}

/** Not booked under its id, so the same step may be done anew under it. Not where the server keeps
 * another answer with that id: then it is another operation. */
export function idAnew(old: Entry, now: number): string {
  return old.said?.code === 'key_reused' ? draftId(now) : old.id;
}

/** What is kept of `old` when `by` does its step anew: what happened to somebody else. */
export function leftOf(old: Entry, by: number, now: number): Entry | null {
  if (old.by === by) return null;
  return { ...old, id: draftId(now), state: 'abandoned', said: redone(old.said), seen: false };
}

export function unsettled(
  op: Operation, options: AddOptions, waiting: Entry[], now: number,
): Entry {
  const chain = options.chain ?? '';
  const entry: Entry = {
    n: 0, id: op.id, op, by: options.by, at: options.at ?? new Date(now).toISOString(),
    deviceAt: now, chain, behind: null, state: 'waiting', frame: null, tries: 0, breaks: 0,
    late: op.t === 'submit' && !!options.late, since: now, verdict: '', again: Number(/\.y(\d+)$/.exec(op.id)?.[1] ?? 0), reply: null, said: null, reason: '',
    seen: true, photos: options.photos ?? [], photoField: options.photoField ?? 'photos',
    photosFirst: options.photosFirst ?? false,
  };
  const same = waiting.filter((each) =>
    each.chain === chain && each.by === entry.by && each.op.t !== 'act');
  const before = op.t === 'act' ? undefined : same[same.length - 1];
  entry.behind = before ? before.id : null;
  // Photos are looked up when it is sent; all the rest is known now and never changes.
  if (!entry.photos.length) entry.frame = frameOf(entry, before, options.view ?? null, []);
  else if (op.t !== 'act' && op.flow === undefined && !before && options.view) {
    entry.op = { ...op, ...options.view };
  }
  return entry;
}

export function afterAnswer(entry: Entry, reply: Reply, live: boolean): Entry {
  const { code, level } = reply.message;
  if (isWaiting(entry) && reply.conflict) {
    return { ...entry, reply, state: 'conflict', said: reply.message, seen: false };
  }
  if (!isWaiting(entry) || (!reply.ok && LATER.indexOf(code) >= 0)) return entry;
  if (reply.ok && (level !== 'ask' || live)) return { ...entry, reply, state: 'sent', said: null };
  const state = CONFLICTS.indexOf(code) >= 0 ? 'conflict' : 'refused';
  return { ...entry, reply, state, said: reply.message, seen: live };
}

/** Once more, with other inputs. A new id only where the server keeps its first answer. */
export function mended(entry: Entry, patch: Patch, now: number): Entry {
  if (isWaiting(entry) || isSettled(entry)) return entry;
  const op: Operation = { ...entry.op, inputs: { ...entry.op.inputs, ...patch.inputs } };
  const stored = op.t === 'scan' || entry.said?.code === 'key_reused';
  if (onceMore(entry)) op.id = `${entry.id.replace(/\.y\d+$/, '')}.y${entry.again + 1}`;
  else if (stored && entry.reply) op.id = draftId(now);
  if (op.t !== 'act') Object.assign(op, screenOf(entry));
  else if (patch.generation !== undefined) op.generation = patch.generation;
  return {
    ...entry, id: op.id, op, state: 'waiting', frame: null, behind: null, tries: 0, breaks: 0,
    again: onceMore(entry) ? entry.again + 1 : entry.again, reply: null, said: null, reason: '',
    seen: true, late: op.t === 'submit' && !!patch.late, since: now,
  };
}

export function abandoned(entry: Entry, reason: string): Entry {
  if (isSettled(entry)) return entry;
  const fresh = entry.tries ? maybeDone(reason) : givenUp(reason);
  const said = isWaiting(entry) ? fresh : entry.said;
  return { ...entry, state: 'abandoned', reason, said, seen: false };
}

/** About to go on the wire: first whether it is late, which nobody may change from then on. */
export function departed(entry: Entry, now: number): Entry {
  const { frame } = entry;
  const tries = entry.tries + 1;
  const waited = now - (entry.since ?? entry.deviceAt) >= LATE_MS;
  if (entry.tries || frame?.t !== 'submit' || frame.late || !waited) return { ...entry, tries };
  return { ...entry, tries, late: true, frame: { ...frame, late: true } };
}

/** What waited behind `gone`, which will never be answered, goes on from where `gone` stood. */
export function relinked(waiting: Entry[], gone: Entry): Entry[] {
  return waiting.filter((each) => each.frame?.after === gone.id && !each.tries).map((each) => {
    const { after: _, ...rest } = each.frame as OpFrame;
    const from = gone.frame;
    const screen = from?.after ? { after: from.after } : (screenOf(gone) ?? {});
    return { ...each, frame: { ...rest, ...screen } as OpFrame };
  });
}

export function countOf(entries: Entry[], person: number | null): Counts {
  const waiting = entries.filter(isWaiting);
  return {
    waiting: waiting.length,
    refused: entries.filter((each) => !isWaiting(each) && !each.seen).length,
    others: waiting.filter((each) => each.by !== person).length,
    oldestAt: waiting.length ? Math.min(...waiting.map((each) => each.deviceAt)) : null,
  };
}
