// Count a place blind: tallies from 0 by scans, the place is sticky, unknown codes are kept in a list.
// Pure: absolute numbers per place, so a place told twice is the same place. Nobody sees the books.

import { say } from '../words/index.ts';
import { binOf, placed, type Bins } from './bins.ts';
import { recognise, type Goods } from './goods.ts';
import { judged, said, unknown, type Judged } from './judgement.ts';
import { ONE, plain, show, type Micro } from './quantity.ts';

export interface SheetLine {
  place: string;
  item_code: string;
  item_name: string;
  lot: string;
  state: string;
}
export interface Pack {
  count_id: string;
  sheet: SheetLine[];
  goods: Goods[];
  bins: Bins;
  left: number;
}
export interface Tally {
  itemCode: string;
  itemName: string;
  unit: string;
  lot: string;
  quantity: Micro;
  serials: string[];
}
export interface Draft {
  place: string;
  tallies: Tally[];
  scans: number;
  strange: string[];
  again: string;
  round: number;
}

export function fresh(place = '', round = 0): Draft {
  return { place, tallies: [], scans: 0, strange: [], again: '', round };
}

export function scanned(draft: Draft, pack: Pack, scan: string, today = ''): Judged<Draft> {
  const code = placed(scan);
  const found = recognise(code, pack.goods, today);
  if (found.kind === 'goods') {
    if (!draft.place) return judged(draft, said('error', say.t('placeFirst'), 'unexpected_scan'));
    return tally(draft, pack, found.hit);
  }
  const is = binOf(code, pack.bins);
  if (is === 'no') return strange(draft, code);
  if (code === draft.place) return judged(draft, said('info', say.t('countPlace', { bin: code })));
  if (draft.tallies.length && draft.again !== code) {
    const words = say.t('unsavedTally', { bin: draft.place, n: draft.tallies.length });
    return judged({ ...draft, again: code }, said('ask', words, 'confirmation_required'));
  }
  return judged(fresh(code, draft.round), said('ok', say.t('countPlace', { bin: code })));
}

/** Asked of the server when there is one; in any case on the list, so it is not lost. */
function strange(draft: Draft, code: string): Judged<Draft> {
  if (!draft.place) return unknown(draft, code);
  return judged(
    { ...draft, strange: [...draft.strange, code] },
    said('warn', say.t('strangeKept', { code }), 'unknown_code'),
    'ask-server',
  );
}

function tally(
  draft: Draft,
  pack: Pack,
  hit: { goods: Goods; lot: string; serial: string; perScan: Micro },
): Judged<Draft> {
  const { goods, serial, perScan } = hit;
  const lot = goods.tracking === 'lot' ? hit.lot || onlyLot(draft, pack, goods) : '';
  if (goods.tracking === 'lot' && !lot) {
    return judged(
      draft,
      said('error', say.t('lotLabel', { item: goods.item_name }), 'lot_label_wanted'),
    );
  }
  const known = draft.tallies.find((each) => each.itemCode === goods.item_code && each.lot === lot);
  const before: Tally = known || {
    itemCode: goods.item_code,
    itemName: goods.item_name,
    unit: goods.unit,
    lot,
    quantity: 0,
    serials: [],
  };
  if (goods.tracking === 'serial') {
    if (!serial)
      return judged(
        draft,
        said('error', say.t('serialMissing', { item: goods.item_name }), 'serial_missing'),
      );
    if (before.serials.indexOf(serial) >= 0) {
      return judged(draft, said('warn', say.t('serialAgain', { serial }), 'serial_again'));
    }
  }
  const after: Tally = {
    ...before,
    quantity: before.quantity + perScan,
    serials: serial && goods.tracking === 'serial' ? [...before.serials, serial] : before.serials,
  };
  const tallies = [after, ...draft.tallies.filter((each) => each !== known)];
  const n = `${show(after.quantity)} ${goods.unit}`;
  return judged(
    { ...draft, tallies, scans: draft.scans + 1, again: '' },
    said('ok', say.t('tallied', { item: goods.item_name, n, scans: draft.scans + 1 })),
  );
}

function onlyLot(draft: Draft, pack: Pack, goods: Goods): string {
  const lots = pack.sheet
    .filter((each) => each.place === draft.place && each.item_code === goods.item_code && each.lot)
    .map((each) => each.lot);
  return lots.length && lots.every((each) => each === lots[0]) ? lots[0]! : '';
}

/** Named on the sheet, but not one scan of it: gone, or overlooked? */
export function notSeen(draft: Draft, pack: Pack): SheetLine[] {
  return pack.sheet.filter(
    (line) =>
      line.place === draft.place &&
      !draft.tallies.some((each) => each.itemCode === line.item_code && each.lot === line.lot),
  );
}

/** Places that still wait, in walking order. */
export function places(pack: Pack): string[] {
  return pack.sheet.map((each) => each.place).filter((each, n, all) => all.indexOf(each) === n);
}

export function typed(draft: Draft, n: number, quantity: Micro): Draft {
  return {
    ...draft,
    tallies: draft.tallies.map((each, i) => (i === n ? { ...each, quantity } : each)),
  };
}

/** `done`: the place as operation; what was not seen counts as nothing once a person said so. */
export function facts(draft: Draft, pack: Pack): { [key: string]: unknown } {
  return {
    count_id: pack.count_id,
    place: draft.place,
    seen: draft.tallies.map((each) => ({
      item_code: each.itemCode,
      lot: each.lot,
      quantity: plain(each.quantity),
      serials: each.serials,
    })),
    zero: notSeen(draft, pack).length > 0,
  };
}

export function saved(pack: Pack, draft: Draft): Pack {
  const sheet = pack.sheet.filter((each) => each.place !== draft.place);
  return { ...pack, sheet, left: sheet.length };
}

/** Scans of serial goods cannot be typed: a number has no names. */
export function mayType(tally: Tally): boolean {
  return !tally.serials.length || tally.quantity !== tally.serials.length * ONE;
}
