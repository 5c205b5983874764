// One step of the work, recorded once: its id is made of the work, the step and its version, so a
// second tap, a second tab and a battery that died in between add nothing. Not for free actions,
// which have an id of their own.
import { isSettled } from '@jieli/client/entries';
import { stepId } from '@jieli/client/ids';
import type { PostOptions } from '@jieli/client/wire';
import { tellText } from '../state/feedback.ts';
import { book, device, wire } from '../state/live.ts';
import { say } from '../words/index.ts';

export interface Step {
  work: string;
  name: string;
  version: number | string;
}
/** `kept` recorded now. `ahead` recorded already and on its way, the pack has not heard of it.
 * `before` done with long ago; what was done may have been undone since, so nothing is recorded and
 * nothing may be taken for done: the same tap once more means that it was done again. */
export type Became = 'kept' | 'ahead' | 'before';
type Record = (
  step: Step,
  action: string,
  inputs: object,
  more?: PostOptions,
) => Promise<Became>;

export function useSteps(flow: string): Record {
  let asked = '';
  return async (step, action, inputs, more) => {
    const first = idOf(step, '');
    let id = first;
    for (let n = 1; asked === first && (await isDone(id)); n += 1) id = idOf(step, `+${n}`);
    asked = '';
    if ((await book(id, flow, action, inputs, more)) === 'kept') return 'kept';
    if (!(await isDone(id))) return 'ahead';
    asked = first;
    return 'before';
  };
}

function idOf({ work, name, version }: Step, again: string): string {
  return stepId(work, name, version + again, device());
}

async function isDone(id: string): Promise<boolean> {
  const entry = await wire.queue.get(id);
  return !!entry && isSettled(entry);
}

/** Said instead of 「已记录」 when nothing was. */
export function tellTwice(became: Became): void {
  if (became === 'before') tellText('ask', say.t('stepBefore'), 'same_step');
  else tellText('warn', say.t('stepAhead'), 'same_step');
}
