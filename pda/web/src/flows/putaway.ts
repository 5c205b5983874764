// Put goods from the dock into a bin: scan the goods (to be sure they are these), scan the bin.
// Pure. Another bin than the suggested ones asks for the same scan again. Not for receiving.

import { say } from '../words/index.ts';
import { binOf, placed, type Bins, type Suggested } from './bins.ts';
import { recognise, type Goods } from './goods.ts';
import { judged, said, unknown, type Judged } from './judgement.ts';
import { micro, plain, show, type Micro } from './quantity.ts';

export interface Pack {
  id: string;
  item_code: string;
  item_name: string;
  unit: string;
  lot: string;
  expires_on: string;
  quantity: string;
  version: string;
  bins: Suggested[];
  goods: Goods;
  all_bins: Bins;
}
export interface Draft {
  quantity: Micro;
  bin: string;
  seen: boolean;
  again: string;
}

export function fresh(pack: Pack): Draft {
  return { quantity: micro(pack.quantity) || 0, bin: '', seen: false, again: '' };
}

export function scanned(draft: Draft, pack: Pack, scan: string): Judged<Draft> {
  const code = placed(scan);
  const found = recognise(code, [pack.goods], '');
  if (found.kind === 'goods') {
    if (found.hit.lot && pack.lot && found.hit.lot !== pack.lot) {
      const words = say.t('otherLot', { lot: found.hit.lot, wanted: pack.lot });
      return judged(draft, said('error', words, 'other_lot', true));
    }
    return judged(
      { ...draft, seen: true },
      said('ok', say.t('rightGoods', { item: pack.item_name })),
    );
  }
  const is = binOf(code, pack.all_bins);
  if (is === 'no') return unknown(draft, code);
  const suggested = pack.bins.some((each) => each.code === code);
  if (!suggested && pack.bins.length && draft.again !== code) {
    const words = say.t('otherBin', { bin: code, wanted: pack.bins[0]!.code });
    return judged({ ...draft, again: code }, said('ask', words, 'confirmation_required'));
  }
  const words = say.t('recorded', {
    item: pack.item_name,
    n: `${show(draft.quantity)} ${pack.unit}`,
    bin: code,
  });
  return judged({ ...draft, bin: code, again: '' }, said('ok', words), 'book');
}

export function facts(draft: Draft, pack: Pack): { [key: string]: unknown } {
  return { receipt_line_id: pack.id, bin: draft.bin, quantity: plain(draft.quantity) };
}
