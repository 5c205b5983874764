// Pack an order box by box, then hand it over: scan goods into the open box, close it, scan labels.
// Pure, and offline from the pack of `open`. Goods of another order, another lot or more than was
// picked are a hard stop: nothing goes on until a person has seen it.

import { say } from '../words/index.ts';
import { recognise, type Goods } from './goods.ts';
import { judged, said, type Judged } from './judgement.ts';
import { micro, ONE, plain, show, type Micro } from './quantity.ts';

/** What waits to be packed, by item and lot. */
export type Row = Goods & { lot: string; quantity: string };
export interface Box {
  code: string;
  state: 'packed' | 'shipped';
  weight: string;
  /** Closed here; the books have not answered yet, so its number may still change. */
  early?: boolean;
}
export interface Pack {
  sale: {
    id: string;
    code: string;
    customer: string;
    carrier: string;
    state: string;
    version: string;
    note: string;
  };
  lines: Row[];
  boxes: Box[];
}
export interface Inside {
  item_id: number;
  lot: string;
  quantity: Micro;
  serials: string[];
}
export interface Draft {
  box: Inside[];
  weight: string;
  /** Labels of closed boxes that were scanned on the way to the carrier. */
  labels: string[];
  tracking: string;
}

export function fresh(): Draft {
  return { box: [], weight: '', labels: [], tracking: '' };
}

/** Still to be put into a box: what waits less what lies in the open one. */
export function left(row: Row, draft: Draft): Micro {
  return (micro(row.quantity) || 0) - inside(row, draft);
}

export function inside(row: Row, draft: Draft): Micro {
  const found = draft.box.find((each) => isOf(each, row));
  return found ? found.quantity : 0;
}

export function waiting(pack: Pack): Row[] {
  return pack.lines.filter((each) => (micro(each.quantity) || 0) > 0);
}

export function closed(pack: Pack): Box[] {
  return pack.boxes.filter((each) => each.state === 'packed');
}

/** `others`: goods this device knows from elsewhere, to name what does not belong here. */
export function scanned(
  draft: Draft,
  pack: Pack,
  code: string,
  others: Goods[] = [],
): Judged<Draft> {
  const box = pack.boxes.find((each) => each.code === code);
  if (box) return label(draft, pack, box);
  const found = recognise(code, pack.lines, '');
  if (found.kind === 'goods') {
    const same = pack.lines.filter((each) => each.item_code === found.hit.goods.item_code);
    return goods(draft, same, found.hit);
  }
  const other = recognise(code, others, '');
  if (other.kind === 'goods') return judged(draft, foreign(pack, other.hit.goods.item_name));
  return judged(draft, foreign(pack, code), 'ask-server');
}

export function foreign(pack: Pack, item: string): Judged<Draft>['said'] {
  return said('error', say.t('notInSale', { item, sale: pack.sale.code }), 'not_in_sale', true);
}

function goods(
  draft: Draft,
  rows: Row[],
  hit: { lot: string; serial: string; perScan: Micro },
): Judged<Draft> {
  const first = rows[0]!;
  const fits = rows.filter((each) => !hit.lot || !each.lot || each.lot === hit.lot);
  if (!fits.length) {
    const wanted = rows.map((each) => each.lot).join('、');
    return stop(draft, say.t('otherLot', { lot: hit.lot, wanted }), 'other_lot');
  }
  const open = fits.filter((each) => left(each, draft) > 0);
  if (!hit.lot && open.length > 1)
    return judged(draft, said('error', say.t('lotLabel', { item: first.item_name }), 'lot_needed'));
  const row = open.find((each) => left(each, draft) >= hit.perScan);
  if (!row) {
    const most = open[0] || fits[0]!;
    const n = `${show(left(most, draft))} ${most.unit}`;
    return stop(draft, say.t('tooMuchPacked', { item: most.item_name, n }), 'too_much');
  }
  const before = draft.box.find((each) => isOf(each, row));
  const serials = before ? before.serials : [];
  if (row.tracking === 'serial') {
    if (!hit.serial)
      return judged(
        draft,
        said('error', say.t('serialMissing', { item: row.item_name }), 'serial_missing'),
      );
    if (serials.indexOf(hit.serial) >= 0)
      return judged(
        draft,
        said('warn', say.t('serialAgain', { serial: hit.serial }), 'serial_again'),
      );
  }
  const now: Inside = {
    item_id: row.item_id,
    lot: row.lot,
    quantity: (before ? before.quantity : 0) + hit.perScan,
    serials: row.tracking === 'serial' ? [...serials, hit.serial] : [],
  };
  const after = { ...draft, box: [...draft.box.filter((each) => each !== before), now] };
  const rest = `${show(left(row, after))} ${row.unit}`;
  const words = say.t('inBox', { item: row.item_name, n: show(now.quantity), left: rest });
  return judged(after, said('ok', words));
}

/** What is left of one row goes into the box as it is, counted by hand. */
export function rest(draft: Draft, row: Row, quantity: Micro): Draft {
  const most = Math.min(quantity, micro(row.quantity) || 0);
  const others = draft.box.filter((each) => !isOf(each, row));
  if (!most) return { ...draft, box: others };
  const now = { item_id: row.item_id, lot: row.lot, quantity: most, serials: [] };
  return { ...draft, box: [...others, now] };
}

/** A battery may die between recording a box and emptying the draft: what no longer waits to be
 * packed lies in a closed box already, and must not be told a second time. */
export function fitting(draft: Draft, pack: Pack): Draft {
  const box = draft.box.filter((each) =>
    pack.lines.some((row) => isOf(each, row) && left(row, draft) >= 0),
  );
  return box.length === draft.box.length ? draft : { ...draft, box };
}

function label(draft: Draft, pack: Pack, box: Box): Judged<Draft> {
  if (box.state === 'shipped')
    return judged(draft, said('warn', say.t('boxGone', { box: box.code }), 'box_shipped'));
  if (draft.box.length)
    return judged(draft, said('error', say.t('closeFirst', { box: box.code }), 'close_first'));
  const labels = draft.labels.filter((each) => each !== box.code).concat(box.code);
  const n = closed(pack).length - labels.length;
  const words = n ? say.t('boxTaken', { box: box.code, n }) : say.t('boxesAll', { box: box.code });
  return judged({ ...draft, labels }, said('ok', words));
}

function stop(draft: Draft, text: string, code: string): Judged<Draft> {
  return judged(draft, said('error', text, code, true));
}

function isOf(each: Inside, row: Row): boolean {
  return each.item_id === row.item_id && each.lot === row.lot;
}

// -- what is told to the server --------------------------------------------------------------------
export function closeFacts(draft: Draft, pack: Pack): { [key: string]: unknown } {
  const box = draft.box.map((each) => ({ ...each, quantity: plain(each.quantity) }));
  const facts = { sale_id: pack.sale.id, box };
  return draft.weight ? { ...facts, weight: draft.weight } : facts;
}

/** The boxes whose labels were scanned; none: every box that is closed. */
export function shipFacts(draft: Draft, pack: Pack): { [key: string]: unknown } {
  const facts = { sale_id: pack.sale.id, boxes: draft.labels };
  const tracking = draft.tracking.trim();
  return tracking ? { ...facts, tracking } : facts;
}

/** The order as it will be once the server has booked the open box. */
export function boxed(pack: Pack, draft: Draft): Pack {
  const code = `${pack.sale.code}-${pack.boxes.length + 1}`;
  const box: Box = { code, state: 'packed', weight: draft.weight, early: true };
  const lines = pack.lines.map((each) => ({ ...each, quantity: plain(left(each, draft)) }));
  return { ...later(pack, 1), lines, boxes: [...pack.boxes, box] };
}

export function shipped(pack: Pack, draft: Draft): Pack {
  const going = (each: Box): boolean =>
    each.state === 'packed' && (!draft.labels.length || draft.labels.indexOf(each.code) >= 0);
  const boxes = pack.boxes.map(
    (each): Box => (going(each) ? { ...each, state: 'shipped' } : each),
  );
  return { ...later(pack, pack.boxes.filter(going).length), boxes };
}

/** The version as the server counts it: one more for each box that is closed, that leaves, or that
 * is opened again. It only grows, so that the next box is another operation than this one. */
function later(pack: Pack, by: number): Pack {
  const version = plain((micro(pack.sale.version) || 0) + by * ONE);
  return { ...pack, sale: { ...pack.sale, version } };
}
