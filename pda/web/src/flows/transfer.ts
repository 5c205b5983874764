// Move goods from one place to another: place, goods ×n, place. One kind of goods at a time.
// Pure: what is free at the place is known from its pack when there was a network; without one the
// move is recorded and the server decides. Not for transfers between warehouses.

import { say } from '../words/index.ts';
import { placed } from './bins.ts';
import { recognise, type Goods } from './goods.ts';
import { judged, said, unknown, type Judged } from './judgement.ts';
import { micro, plain, show, type Micro } from './quantity.ts';

export interface Row {
  item_id: number;
  item_name: string;
  lot: string;
  expires_on: string;
  status: string;
  available: string;
  unit: string;
}
/** What stands at the place; `known` false: not asked yet (no network). */
export interface Pack {
  place: string;
  rows: Row[];
  goods: Goods[];
  known: boolean;
}
export interface Draft {
  from: string;
  itemCode: string;
  itemName: string;
  unit: string;
  tracking: string;
  lot: string;
  quantity: Micro;
  serials: string[];
  to: string;
}

export function fresh(from = ''): Draft {
  return {
    from,
    itemCode: '',
    itemName: '',
    unit: '',
    tracking: 'none',
    lot: '',
    quantity: 0,
    serials: [],
    to: '',
  };
}

/** Scanned goods at the place they are taken from. `isPlace`: whether the code is one of a bin. */
export function scanned(draft: Draft, pack: Pack, scan: string, isPlace: boolean): Judged<Draft> {
  const code = placed(scan);
  if (isPlace) return place(draft, code);
  if (!draft.from) return judged(draft, said('error', say.t('placeFirst'), 'unexpected_scan'));
  const found = recognise(code, pack.goods, '');
  if (found.kind !== 'goods') return unknown(draft, code);
  const { goods, lot, serial, perScan } = found.hit;
  if (draft.itemCode && draft.itemCode !== goods.item_code) {
    const words = say.t('oneAtATime', {
      item: draft.itemName,
      n: amount(draft.quantity, draft.unit),
    });
    return judged(draft, said('error', words, 'one_at_a_time', true));
  }
  const chosen = {
    ...draft,
    itemCode: goods.item_code,
    itemName: goods.item_name,
    unit: goods.unit,
    tracking: goods.tracking,
    lot: draft.lot || lot || onlyLot(pack, goods),
  };
  if (goods.tracking === 'serial') {
    if (!serial)
      return judged(
        draft,
        said('error', say.t('serialMissing', { item: goods.item_name }), 'serial_missing'),
      );
    if (draft.serials.indexOf(serial) >= 0) {
      return judged(draft, said('warn', say.t('serialAgain', { serial }), 'serial_again'));
    }
    chosen.serials = [...draft.serials, serial];
  }
  if (lot && draft.lot && lot !== draft.lot) {
    return judged(
      draft,
      said('error', say.t('otherLot', { lot, wanted: draft.lot }), 'other_lot', true),
    );
  }
  return take({ ...chosen, quantity: draft.quantity + perScan }, draft, pack, goods);
}

function take(after: Draft, before: Draft, pack: Pack, goods: Goods): Judged<Draft> {
  const free = available(pack, goods, after.lot),
    item = goods.item_name;
  if (pack.known && free === 0) {
    return judged(
      before,
      said('error', say.t('nothingHere', { item, bin: before.from }), 'nothing_here', true),
    );
  }
  if (pack.known && after.quantity > free) {
    const facts = { item, free: amount(free, goods.unit), n: amount(before.quantity, goods.unit) };
    return judged(before, said('error', say.t('tooMuchHere', facts), 'too_much_here', true));
  }
  const n = amount(after.quantity, goods.unit);
  if (!pack.known) return judged(after, said('ok', say.t('takenUnchecked', { item, n })));
  return judged(after, said('ok', say.t('taken', { item, n, free: amount(free, goods.unit) })));
}

function place(draft: Draft, code: string): Judged<Draft> {
  if (!draft.quantity || !draft.from)
    return judged(fresh(code), said('ok', say.t('fromPlace', { bin: code })));
  if (code === draft.from)
    return judged(draft, said('warn', say.t('samePlace', { bin: code }), 'same_place'));
  if (draft.tracking === 'lot' && !draft.lot) {
    return judged(draft, said('ask', say.t('lotFirst', { item: draft.itemName }), 'choose_lot'));
  }
  const words = say.t('recorded', {
    item: draft.itemName,
    n: amount(draft.quantity, draft.unit),
    bin: code,
  });
  return judged({ ...draft, to: code }, said('ok', words), 'book');
}

/** The lots of the goods in hand that stand here, to tap one. */
export function lots(pack: Pack, draft: Draft): Row[] {
  const goods = pack.goods.find((each) => each.item_code === draft.itemCode);
  return goods ? pack.rows.filter((each) => each.item_id === goods.item_id && each.lot) : [];
}

function onlyLot(pack: Pack, goods: Goods): string {
  const here = pack.rows.filter((each) => each.item_id === goods.item_id && each.lot);
  return here.length === 1 ? here[0]!.lot : '';
}

function available(pack: Pack, goods: Goods, lot: string): Micro {
  return pack.rows
    .filter((each) => each.item_id === goods.item_id && (!lot || each.lot === lot))
    .reduce((sum, each) => sum + (micro(each.available) || 0), 0);
}

export function facts(draft: Draft): { [key: string]: unknown } {
  return {
    from: draft.from,
    to: draft.to,
    item_code: draft.itemCode,
    lot: draft.lot,
    quantity: plain(draft.quantity),
    serials: draft.serials,
  };
}

function amount(quantity: Micro, unit: string): string {
  return `${show(quantity)} ${unit}`;
}
