// A screen that the server draws: each question carries the answer before it, nothing is queued.
// For forms that must be filled from the newest facts; work that must not be lost uses book().
import { shallowRef, type ShallowRef } from 'vue';
import type { Inputs, Reply } from '@jieli/client/frames';
import { draftId } from '@jieli/client/ids';
import { wire } from './live.ts';

export interface Dialogue {
  reply: ShallowRef<Reply | null>;
  /** Rejects when there is no network, or nobody answers: then nothing is known to have happened,
   * and the same `id` asked again is the same operation. */
  tap(action: string, inputs: Inputs, id?: string): Promise<Reply>;
  scan(code: string): Promise<Reply>;
}

export function useDialogue(flow: string): Dialogue {
  const reply = shallowRef<Reply | null>(null);
  function view(): { flow: string; state: string; context: Inputs } {
    const last = reply.value;
    return last
      ? { flow, state: last.next_state, context: last.context }
      : { flow, state: '', context: {} };
  }
  async function hear(asked: Promise<Reply>): Promise<Reply> {
    const found = await asked;
    if (found.ok && found.flow === flow) reply.value = found;
    return found;
  }
  return {
    reply,
    tap: (action, inputs, id = draftId()) =>
      hear(wire.ask({ t: 'submit', id, action, inputs, ...view() })),
    scan: (code) => hear(wire.ask({ t: 'scan', id: draftId(), code, ...view() })),
  };
}
