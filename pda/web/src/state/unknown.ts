// Codes this device does not know: asked of the server when there is one, else kept in a list that
// survives. Never dropped. Goods that the server knows are remembered for the next scan.
import { shallowRef } from 'vue';
import type { Said } from '../flows/judgement.ts';
import { said } from '../flows/judgement.ts';
import { say } from '../words/index.ts';
import { tell, tellMessage, unsay } from './feedback.ts';
import { ask, live, sayProblem, shelf } from './live.ts';
import { keepPack } from './packs.ts';
import type { Inputs } from '@jieli/client/frames';

export interface Strange {
  code: string;
  at: string;
  where: string;
}
export const strange = shallowRef<Strange[]>([]);
const LIST = 'unknown-codes';

export async function loadStrange(): Promise<void> {
  strange.value = (await shelf.get<Strange[]>('draft', LIST)) || [];
}

export function setStrange(list: Strange[]): void {
  strange.value = list;
  shelf.put('draft', LIST, list).catch(sayProblem);
}

/** What the server says a code is; null when it does not know it either. */
export async function resolve(code: string, choice = '', quietly = false): Promise<Inputs | null> {
  const reply = await ask('lookup', 'resolve', choice ? { code, choice } : { code });
  const data = reply.data;
  if (!reply.ok || !data || data.kind === 'unknown') {
    if (!quietly) tellMessage(reply.message);
    return null;
  }
  if (data.kind === 'goods')
    await keepPack(`goods/${(data.goods as Inputs).item_code as string}`, 'goods', {
      goods: data.goods!,
    });
  if (data.kind === 'place') await keepPack(`place/${data.place as string}`, 'place', data);
  return data;
}

export function useUnknown(): {
  meet(code: string, otherwise: Said, then?: (data: Inputs) => void): void;
} {
  return {
    meet(code, otherwise, then) {
      if (live.link === 'offline') {
        setStrange([
          ...strange.value,
          { code, at: new Date().toISOString(), where: location.hash },
        ]);
        tell(said('error', say.t('keptForLater', { code }), 'unknown_code'));
        return;
      }
      const asking = said('info', say.t('askingServer', { code }));
      tell(asking);
      resolve(code).then(
        (data) => {
          unsay(asking);
          if (data && then) then(data);
          else if (data) tell(otherwise);
        },
        (problem) => {
          setStrange([
            ...strange.value,
            { code, at: new Date().toISOString(), where: location.hash },
          ]);
          sayProblem(problem);
        },
      );
    },
  };
}
