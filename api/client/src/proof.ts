// Which photo proves which operation, and what task it hangs on then: kept with the photo, so that
// it finds its way even when the text is gone. Written in the queue's own transactions. Not for
// sending photos (upload.ts).

import type { Changes } from './db.ts';
import { isSettled, type Entry } from './entries.ts';
import type { Json, Reply } from './frames.ts';

/** These photos prove operation `op`. */
export async function prove(tx: Changes, photos: string[], op: string): Promise<void> {
  const rows = tx.objectStore('photos');
  for (const key of photos) {
    const row = await rows.get(key);
    if (row) await rows.put({ ...row, op });
  }
}

/** `entry` changed: as soon as it is settled, its photos know their task by themselves. */
export async function tellPhotos(tx: Changes, entry: Entry): Promise<void> {
  const task = isSettled(entry) && entry.reply ? taskOf(entry.reply) : null;
  const rows = tx.objectStore('photos');
  for (const key of task ? entry.photos : []) {
    const row = await rows.get(key);
    if (row && !row.task) await rows.put({ ...row, task });
  }
}

/** The operations whose photos are still on their way. */
export async function stillProved(tx: Changes): Promise<Set<string>> {
  const rows = await tx.objectStore('photos').getAll();
  const coming = rows.filter((each) => each.state === 'waiting' || each.state === 'uploaded');
  return new Set(coming.map((each) => each.op ?? ''));
}

/** Whether the operation itself brought the file along. */
export function isInside(entry: Entry, file: string | null): boolean {
  return JSON.stringify(entry.frame?.inputs ?? {}).indexOf(JSON.stringify(file)) >= 0;
}

/** The task an answer is about: the one it changed, or the one it opened, if only to decide. */
export function taskOf(reply: Reply): string | null {
  const { data, context, conflict } = reply;
  const tasks = data && Array.isArray(data.tasks) ? data.tasks : [];
  if (conflict) return conflict.task_id;
  return idOf(data?.task) ?? idOf(data?.task_id) ?? idOf(tasks[0]) ?? idOf(context.task_id);
}

function idOf(value: Json | undefined): string | null {
  if (typeof value === 'string') return value || null;
  if (value && typeof value === 'object' && !Array.isArray(value)) return idOf(value.id);
  return null;
}
