// Goods that come back from a customer or go away: choose by scanning, say how much, where to, why.
// Pure. A row is goods of a line that was shipped, or goods that lie in a bin in one state.

import { say } from '../words/index.ts';
import { recognise, type Goods } from './goods.ts';
import { judged, said, type Judged } from './judgement.ts';
import { micro, plain, show, type Micro } from './quantity.ts';

export interface Choice {
  key: string;
  label: string;
}
/** `lines` of a sale, or `rows` of a bin with the goods beside them. */
export interface Pack {
  sale?: { id: string; code: string; customer: string };
  lines?: (Goods & { id: string; lot: string; quantity: string; version: string })[];
  conditions?: Choice[];
  place?: string;
  rows?: {
    item_id: number;
    item_code: string;
    item_name: string;
    unit: string;
    lot: string;
    expires_on: string;
    status: string;
    quantity: string;
  }[];
  goods?: Goods[];
  suppliers?: Choice[];
  actions?: string[];
}
export interface Row {
  key: string;
  lineId: string;
  version: string;
  goods: Goods;
  lot: string;
  status: string;
  quantity: Micro;
}
export type Way = '' | 'customer' | 'supplier' | 'scrap';
export interface Draft {
  row: string;
  quantity: Micro;
  serials: string[];
  way: Way;
  condition: string;
  supplier: string;
  reason: string;
  photos: string[];
  /** Made when the draft begins: goods of a bin have no version that would tell two steps apart. */
  op: string;
}

export function fresh(op: string, way: Way = ''): Draft {
  return {
    row: '',
    quantity: 0,
    serials: [],
    way,
    condition: '',
    supplier: '',
    reason: '',
    photos: [],
    op,
  };
}

export function rowsOf(pack: Pack): Row[] {
  const lines = (pack.lines || []).map((each) => ({
    key: `${each.id}/${each.lot}`,
    lineId: each.id,
    version: each.version,
    goods: each,
    lot: each.lot,
    status: '',
    quantity: micro(each.quantity) || 0,
  }));
  const found = lines as Row[];
  for (const each of pack.rows || []) {
    const goods = (pack.goods || []).find((one) => one.item_id === each.item_id);
    if (!goods) continue;
    const key = `${each.item_id}/${each.lot}/${each.status}`;
    const quantity = micro(each.quantity) || 0;
    found.push({ key, lineId: '', version: '', goods, lot: each.lot, status: each.status, quantity });
  }
  return found;
}

export function rowOf(pack: Pack, draft: Draft): Row | undefined {
  return rowsOf(pack).find((each) => each.key === draft.row);
}

export function scanned(draft: Draft, pack: Pack, code: string): Judged<Draft> {
  const rows = rowsOf(pack);
  const found = recognise(code, rows.map((each) => each.goods), '');
  const where = pack.sale ? pack.sale.code : pack.place || '';
  if (found.kind !== 'goods')
    return judged(
      draft,
      said('error', say.t('notOfThis', { item: code, where }), 'not_here', true),
      'ask-server',
    );
  const { goods, lot, serial, perScan } = found.hit;
  const mine = rows.filter(
    (each) => each.goods.item_code === goods.item_code && (!lot || !each.lot || each.lot === lot),
  );
  if (!mine.length)
    return judged(
      draft,
      said('error', say.t('notOfThis', { item: `${goods.item_name} ${lot}`, where }), 'lot', true),
    );
  const row = mine.find((each) => each.key === draft.row) || mine[0]!;
  const begun = row.key === draft.row ? draft : { ...draft, row: row.key, quantity: 0, serials: [] };
  if (goods.tracking === 'serial') {
    if (!serial)
      return judged(
        draft,
        said('error', say.t('serialMissing', { item: goods.item_name }), 'serial_missing'),
      );
    if (begun.serials.indexOf(serial) >= 0)
      return judged(draft, said('warn', say.t('serialAgain', { serial }), 'serial_again'));
  }
  const quantity = begun.quantity + perScan;
  if (quantity > row.quantity) {
    const n = `${show(row.quantity)} ${goods.unit}`;
    const words = say.t('backTooMuch', { item: goods.item_name, n, where });
    return judged(draft, said('error', words, 'too_much', true));
  }
  const serials = goods.tracking === 'serial' ? [...begun.serials, serial] : [];
  const n = `${show(quantity)} ${goods.unit}`;
  const words = say.t('inHands', { item: goods.item_name, n });
  return judged({ ...begun, quantity, serials }, said('ok', words));
}

/** What is still to be said before it can be booked: the first of them, '' when nothing. */
export type Lack = '' | 'goods' | 'way' | 'condition' | 'supplier' | 'reason';
export function lack(draft: Draft, pack: Pack): Lack {
  if (!rowOf(pack, draft) || !draft.quantity) return 'goods';
  if (!draft.way) return 'way';
  if (draft.way === 'customer' && !draft.condition) return 'condition';
  if (draft.way === 'supplier' && !draft.supplier) return 'supplier';
  return draft.reason.trim() ? '' : 'reason';
}

export function facts(draft: Draft, pack: Pack): { [key: string]: unknown } {
  const row = rowOf(pack, draft)!;
  const inputs: { [key: string]: unknown } = {
    quantity: plain(draft.quantity),
    reason: draft.reason.trim(),
    lot: row.lot,
    serials: draft.serials,
  };
  if (draft.way === 'customer')
    return {
      ...inputs,
      sale_id: pack.sale!.id,
      line_id: row.lineId,
      condition: draft.condition,
    };
  const away = { ...inputs, place: pack.place, item_code: row.goods.item_code, status: row.status };
  return draft.way === 'supplier' ? { ...away, supplier: draft.supplier } : away;
}

/** The pack as it will be once the server has booked it. */
export function booked(pack: Pack, draft: Draft): Pack {
  const row = rowOf(pack, draft);
  if (!row) return pack;
  const rest = plain(row.quantity - draft.quantity);
  const lines = (pack.lines || []).map((each) =>
    `${each.id}/${each.lot}` === draft.row
      ? { ...each, quantity: rest, version: plain((micro(each.version) || 0) + draft.quantity) }
      : each,
  );
  const rows = (pack.rows || []).map((each) =>
    `${each.item_id}/${each.lot}/${each.status}` === draft.row ? { ...each, quantity: rest } : each,
  );
  return {
    ...pack,
    ...(pack.lines ? { lines: lines.filter((each) => each.quantity !== '0') } : {}),
    ...(pack.rows ? { rows: rows.filter((each) => each.quantity !== '0') } : {}),
  };
}
