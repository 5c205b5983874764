// One step of the work, recorded once: its id is made of the work, the step and its version, so a
// second tap, a second tab and a battery that died in between add nothing. Not for free actions,
// which have an id of their own.
import { isSettled, isWaiting, type Entry } from '@jieli/client/entries';
import { stepId } from '@jieli/client/ids';
import type { PostOptions } from '@jieli/client/wire';
import { said, type Said } from '../flows/judgement.ts';
import { tell } from './feedback.ts';
import { book, device, wire } from './live.ts';
import { say } from '../words/index.ts';

export interface Step {
  work: string;
  name: string;
  version: number | string;
}
/** `kept` recorded now. `ahead` recorded already and on its way: the pack has not heard of it yet.
 * `before` the id was used up, and the work may have been undone, refused by a supervisor or opened
 * again since: nothing is recorded and nothing may be taken for done. Asked once more, it is
 * another step. */
export type Became = 'kept' | 'ahead' | 'before';
type Record = (step: Step, action: string, inputs: object, more?: PostOptions) => Promise<Became>;

export function useSteps(flow: string): Record {
  let asked = '';
  return async (step, action, inputs, more) => {
    const first = idOf(step, '');
    let id = first;
    for (let n = 1; asked === first && (await isTaken(id)); n += 1) id = idOf(step, `+${n}`);
    asked = '';
    if ((await book(id, flow, action, inputs, more)) === 'kept') return 'kept';
    const entry = await wire.queue.get(id);
    if (entry && isWaiting(entry) && isOf(entry, inputs)) return 'ahead';
    asked = first;
    return 'before';
  };
}

function idOf({ work, name, version }: Step, again: string): string {
  return stepId(work, name, version + again, device());
}

async function isTaken(id: string): Promise<boolean> {
  const entry = await wire.queue.get(id);
  return !!entry && (isWaiting(entry) || isSettled(entry));
}

function isOf(entry: Entry, inputs: object): boolean {
  return JSON.stringify('inputs' in entry.op && entry.op.inputs) === JSON.stringify(inputs);
}

/** `words` only when they are true. */
export function tellStep(became: Became, words: Said): void {
  if (became === 'kept') tell(words);
  else if (became === 'before') tell(said('ask', say.t('stepBefore'), 'same_step'));
  else tell(said('warn', say.t('stepAhead'), 'same_step'));
}
