// From a task, a scan or a choice to the screen of the work. Packs are fetched when there is a network.
import type { Inputs, Task } from '@jieli/client/frames';
import type { Goods } from '../flows/goods.ts';
import { recognise } from '../flows/goods.ts';
import { open, type Pack } from '../flows/receive.ts';
import { router } from '../router.ts';
import { packsOf } from './packs.ts';
import { handOver } from './scanner.ts';

const SCREENS: { [kind: string]: string } = {
  receive: 'receive',
  putaway: 'putaway',
  count: 'count',
  recount: 'count',
  pick: 'pick',
  pack: 'pack',
  ship: 'pack',
};

export function screenOf(task: Task): string {
  return SCREENS[task.kind] || '';
}

export function beginTask(task: Task): void {
  const screen = screenOf(task);
  if (screen) void router.push(`/${screen}/${task.id}`);
}

/** Orders that are waiting for these goods, from the packs on this device. */
export function ordersWaiting(code: string): { key: string; pack: Pack }[] {
  return packsOf<Pack>('receive')
    .filter(({ data }) => {
      if (data.order.code === code) return true;
      const known = data.lines.filter((each) => !!each.barcodes);
      const found = recognise(code, known as unknown as Goods[], data.today);
      if (found.kind !== 'goods') return false;
      return data.lines.some(
        (each) => each.item_code === found.hit.goods.item_code && open(each) > 0,
      );
    })
    .map(({ key, data }) => ({ key: key.replace('receive/', ''), pack: data }));
}

/** Open an order's screen; the code that led there is judged by it. */
export function beginReceive(key: string, code = ''): void {
  handOver(code);
  void router.push(`/receive/${key}`);
}

/** A paper the server knows opens its screen; false: it is no paper. */
export function beginFound(data: Inputs, code: string): boolean {
  if (data.kind === 'order') beginReceive(`order:${data.order_id as string}`);
  else if (data.kind === 'wave') void router.push(`/pick/wave:${data.wave_id as string}`);
  else if (data.kind === 'sale' || data.kind === 'package') {
    const screen = data.flow === 'back' ? 'back' : 'pack';
    if (data.kind === 'package' && screen === 'pack') handOver(code);
    void router.push(`/${screen}/sale:${data.sale_id as string}`);
  } else return false;
  return true;
}
