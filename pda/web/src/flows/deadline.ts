// How long a task still has, in words, and in which order tasks are shown. Pure.
import type { Task } from '@jieli/client/frames';
import { say } from '../words/index.ts';

const MINUTE = 60_000,
  HOUR = 60 * MINUTE,
  DAY = 24 * HOUR;

export function span(ms: number): string {
  const left = Math.abs(ms);
  if (left >= 2 * DAY) return say.t('days', { n: Math.floor(left / DAY) });
  if (left >= HOUR) {
    const hours = say.t('hours', { n: Math.floor(left / HOUR) });
    const minutes = Math.floor((left % HOUR) / MINUTE);
    return minutes && left < 10 * HOUR ? `${hours} ${say.t('minutes', { n: minutes })}` : hours;
  }
  return say.t('minutes', { n: Math.max(1, Math.ceil(left / MINUTE)) });
}

export function isUrgent(task: Task): boolean {
  return task.priority === 'urgent' || task.level > 0;
}

/** `share` of the time that is gone, 0…1, for the ring. */
export function countdown(task: Task, now: number): { text: string; late: boolean; share: number } {
  if (!task.due_at) return { text: say.t('noDue'), late: false, share: 0 };
  const due = Date.parse(task.due_at),
    opened = Date.parse(task.opened_at),
    left = due - now;
  const share = due > opened ? Math.min(1, Math.max(0, (now - opened) / (due - opened))) : 1;
  const late = left < 0;
  return { text: say.t(late ? 'overdue' : 'leftTime', { t: span(left) }), late, share };
}

/** Urgent first, then what is due first; what has no deadline comes last. */
export function inOrder(tasks: Task[]): Task[] {
  const key = (task: Task): number => (task.due_at ? Date.parse(task.due_at) : Infinity);
  return [...tasks].sort(
    (a, b) =>
      Number(isUrgent(b)) - Number(isUrgent(a)) || key(a) - key(b) || (a.id < b.id ? -1 : 1),
  );
}
