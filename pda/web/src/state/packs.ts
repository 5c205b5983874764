// Work packs kept on this device, and the goods and bins that all of them name together.
// A pack is shown at once from the disk and renewed from the server when there is one.
import { onBeforeUnmount, shallowReactive, watch } from 'vue';
import type { Inputs } from '@jieli/client/frames';
import type { Bins } from '../flows/bins.ts';
import type { Goods } from '../flows/goods.ts';
import { ask, live, sayProblem, shelf } from './live.ts';

export interface Kept {
  flow: string;
  data: Inputs;
}
const packs = shallowReactive(new Map<string, Kept>());
const MOST = 60;

export async function loadPacks(): Promise<void> {
  for (const each of (await shelf.all<Kept>('pack')).sort((a, b) => a.at - b.at)) {
    packs.set(each.key, each.value);
  }
}

export function pack<P>(key: string): P | undefined {
  const found = packs.get(key);
  return found && (found.data as unknown as P);
}

export function hasPack(key: string): boolean {
  return packs.has(key);
}

export function packsOf<P>(flow: string): { key: string; data: P }[] {
  const found: { key: string; data: P }[] = [];
  packs.forEach((kept, key) => {
    if (kept.flow === flow) found.push({ key, data: kept.data as unknown as P });
  });
  return found;
}

export async function keepPack(key: string, flow: string, data: object): Promise<void> {
  const kept: Kept = { flow, data: data as Inputs };
  packs.delete(key); // the newest is last: a key that is set again would keep its old place
  packs.set(key, kept);
  await shelf.put('pack', key, JSON.parse(JSON.stringify(kept)));
  const oldest = packs.keys().next().value;
  if (packs.size > MOST && oldest !== undefined) await dropPack(oldest);
}

export async function dropPack(key: string): Promise<void> {
  packs.delete(key);
  await shelf.drop('pack', key);
}

/** Ask the server for the pack of a task or order; rejects with NoAnswer or what it refused. */
export async function fetchPack(key: string, flow: string, inputs: Inputs): Promise<Inputs | null> {
  const reply = await ask(flow, 'open', inputs);
  if (!reply.ok) throw new Error(reply.message.text);
  if (!reply.data || reply.next_state === 'start') {
    await dropPack(key);
    return null;
  }
  await keepPack(key, flow, reply.data);
  return reply.data;
}

/** Packs of the screens that are open; `asked`: it was asked for, and what came of it is here. */
const onScreen = shallowReactive<{ key: string; asked: boolean }[]>([]);

/** The screen on top has no pack, and none is on its way. */
export function lacksPack(): boolean {
  const top = onScreen[onScreen.length - 1];
  return !!top && top.asked && !packs.has(top.key);
}

/** Keep a screen's pack as new as the server's, unless facts that change it are still on their way.
 * After a refusal it is asked for again: the pack had been counted on as if the fact were booked.
 * So is one that is not here at all, as soon as there is a network. */
export function usePack(key: string, flow: string, inputs: Inputs): { renew(): Promise<void> } {
  const mine = shallowReactive({ key, asked: false });
  onScreen.push(mine);
  onBeforeUnmount(() => onScreen.splice(onScreen.indexOf(mine), 1));
  async function renew(): Promise<void> {
    if (live.link !== 'offline' && !(live.queue.waiting > 0 && packs.has(key))) await fetchMine();
    mine.asked = true;
  }
  async function fetchMine(): Promise<void> {
    mine.asked = false;
    try {
      await fetchPack(key, flow, inputs);
    } catch (problem) {
      if (!packs.has(key)) sayProblem(problem);
    }
  }
  watch(
    () => live.link,
    (now) => {
      if (now !== 'offline' && lacksPack()) void renew();
    },
  );
  watch(
    () => live.stuck + live.handed,
    (now, before) => {
      if (now > before) void renew();
    },
  );
  return { renew };
}

/** A screen that opened without its pack prepares its work when it is there. */
export function whenPackComes(key: string, prepare: () => void): void {
  watch(
    () => packs.has(key),
    (here) => {
      if (here) prepare();
    },
    { flush: 'sync' }, // before a scan that waited for it is judged
  );
}

/** What a fact is about, in words, from the packs that are here. */
export function nameOf(inputs: Inputs): string {
  const id = inputs.line_id || inputs.receipt_line_id;
  let name = '';
  packs.forEach((kept) => {
    const lines = (Array.isArray(kept.data.lines) ? kept.data.lines : [kept.data]) as unknown as {
      id?: string;
      item_name?: string;
    }[];
    const found = id ? lines.find((each) => each.id === id) : undefined;
    if (found && found.item_name) name = found.item_name;
  });
  return name;
}

export function knownGoods(): Goods[] {
  const found = new Map<string, Goods>();
  packs.forEach((kept) => goodsIn(kept.data).forEach((each) => found.set(each.item_code, each)));
  return Array.from(found.values());
}

export function knownBins(): Bins {
  const codes = new Set<string>();
  packs.forEach((kept) => {
    const bins = (kept.data.bins || kept.data.all_bins) as unknown as Bins | undefined;
    if (bins && bins.codes) bins.codes.forEach((each) => codes.add(each));
  });
  return { codes: Array.from(codes), complete: false };
}

function goodsIn(data: Inputs): Goods[] {
  const lists = [data.lines, data.goods].filter(Array.isArray) as unknown as Goods[][];
  const one = data.goods && !Array.isArray(data.goods) ? [data.goods as unknown as Goods] : [];
  return one.concat(...lists).filter((each) => !!each.barcodes && !!each.item_id);
}
