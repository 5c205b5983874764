// Who holds a task: take it, put it back, call for help. Asked of the server at once, the event that
// follows changes every screen; never kept for later: nobody takes a task for a dead network.
// What is taken is fetched whole, so that it can be done in a hall without Wi-Fi.
import { watch } from 'vue';
import type { Task } from '@jieli/client/frames';
import { draftId } from '@jieli/client/ids';
import { say } from '../words/index.ts';
import { screenOf } from './begin.ts';
import { tellText } from './feedback.ts';
import { live, sayProblem, wire } from './live.ts';
import { fetchPack, hasPack } from './packs.ts';

export type Hold = 'claim' | 'put-back' | 'escalate';

export async function hold(task: Task, verb: Hold): Promise<void> {
  if (live.link === 'offline') return tellText('error', say.t('holdOffline'), 'offline');
  try {
    const body = verb === 'claim' ? { generation: task.generation } : {};
    const answer = await wire.request(`/api/tasks/${task.id}/${verb}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': draftId() },
      body: JSON.stringify(body),
    });
    if (!answer.ok) {
      const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
      throw new Error(problem.detail || String(answer.status));
    }
    tellText('ok', say.t(verb === 'claim' ? 'held' : verb === 'escalate' ? 'helpCalled' : 'handedBack'));
  } catch (problem) {
    sayProblem(problem);
  }
}

export function isMine(task: Task): boolean {
  return !!task.holder && !!live.person && task.holder.id === live.person.id;
}

let fetching = false;

/** The packs of the tasks this person holds, one after the other. */
async function fetchMine(): Promise<void> {
  if (fetching || live.link !== 'online' || !live.signedIn) return;
  fetching = true;
  for (const task of live.inbox.filter(isMine)) {
    const flow = screenOf(task),
      key = `${flow}/${task.id}`;
    if (!flow || hasPack(key)) continue;
    try {
      await fetchPack(key, flow, { task_id: task.id });
    } catch {
      break; // no network any more, or none that answers: the screen asks again when it opens
    }
  }
  fetching = false;
}

export function fetchWhatIsHeld(): void {
  watch(
    () => [live.link, live.signedIn, live.inbox],
    () => void fetchMine(),
  );
}
