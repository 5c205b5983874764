// The inbox on the device: a snapshot, then numbered changes. Pure; the same history gives the same
// inbox, and a missing number is noticed. Not for keeping (identity.ts) or fetching it (wire.ts).

import type { ServerFrame, Task } from './frames.ts';

const LIVE = ['open', 'claimed', 'snoozed', 'paused'];

type InboxFrame = Extract<ServerFrame, { t: 'inbox' }>;
type EventFrame = Extract<ServerFrame, { t: 'event' }>;
type ResumedFrame = Extract<ServerFrame, { t: 'resumed' }>;

export interface Inbox {
  epoch: string | null;
  /** The last event applied; null: only a snapshot can help. */
  cursor: number | null;
  tasks: Task[];
  /** Parts of a snapshot that is still coming; what is shown changes with the last one. */
  coming: Task[] | null;
}

export const EMPTY: Inbox = { epoch: null, cursor: null, tasks: [], coming: null };

/** A part of a snapshot. */
export function withPart(inbox: Inbox, frame: InboxFrame): Inbox {
  const coming = frame.part === 1 ? frame.tasks : (inbox.coming ?? []).concat(frame.tasks);
  if (frame.part < frame.parts) return { ...inbox, cursor: null, coming };
  return { epoch: frame.epoch, cursor: frame.seq, tasks: coming, coming: null };
}

export function resumed(inbox: Inbox, frame: ResumedFrame): Inbox {
  return { ...inbox, epoch: frame.epoch, cursor: frame.seq };
}

/** One change for `person`; null: something before it is missing. */
export function withEvent(inbox: Inbox, frame: EventFrame, person: number): Inbox | null {
  if (frame.after !== inbox.cursor) return null;
  const { task } = frame;
  const mine = LIVE.indexOf(task.state) >= 0 && task.people.indexOf(person) >= 0;
  const at = inbox.tasks.findIndex((each) => each.id === task.id);
  let tasks = inbox.tasks;
  if (at >= 0) tasks = mine ? tasks.map((each) => (each.id === task.id ? task : each))
    : tasks.filter((each) => each.id !== task.id);
  else if (mine) tasks = tasks.concat([task]);
  return { ...inbox, cursor: frame.seq, tasks };
}

/** By deadline, the undated last; the order every face uses. */
export function sorted(tasks: Task[]): Task[] {
  const due = (task: Task): string => task.due_at ?? '9';
  return tasks.slice().sort((a, b) =>
    due(a) < due(b) ? -1 : due(a) > due(b) ? 1 : a.id < b.id ? -1 : 1);
}
