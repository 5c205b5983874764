// One scan on the receiving screen: goods count from 0, a bin shelves, what does not fit counts nothing.
// Pure. Not for what is still missing or told to the server: receive.ts.

import { read } from '@jieli/client/gs1';
import { say } from '../words/index.ts';
import { binOf, placed } from './bins.ts';
import { recognise, type Hit } from './goods.ts';
import { judged, said, unknown, type Judged, type Said } from './judgement.ts';
import {
  amount,
  fresh,
  isExpired,
  isKnown,
  lineOf,
  missing,
  open,
  wanted,
  type Draft,
  type Known,
  type Pack,
} from './receive.ts';

/** One pull of the trigger. `choice` is the reading of a doubtful label that was tapped. */
export function scanned(
  draft: Draft,
  pack: Pack,
  scan: string,
  choice = '',
): Judged<Draft> & { options?: string[] } {
  const code = placed(scan);
  if (code === pack.order.code)
    return judged(draft, said('info', say.t('orderHere', { order: code })));
  const known = pack.lines.filter(isKnown);
  const found = recognise(code, known, pack.today, choice);
  if (found.kind === 'options') {
    const words = said('ask', say.t('pickLabel', { n: found.options.length }), 'label_ambiguous');
    return { ...judged(draft, words), options: found.options.map((each) => each.text) };
  }
  if (found.kind === 'goods') return goods(draft, pack, code, found.hit);
  return place(draft, pack, code);
}

/** What a code means that was scanned while the field of the lot is being filled: that lot, unless it
 * is goods, a bin or the order itself ('': judge it like every other scan). */
export function lotIn(pack: Pack, scan: string): string {
  const code = placed(scan);
  if (code === pack.order.code || binOf(code, pack.bins) === 'yes') return '';
  if (recognise(code, pack.lines.filter(isKnown), pack.today).kind !== 'none') return '';
  const { labels, code: plain } = read(scan);
  if (!labels.length) return plain;
  const label = labels.length === 1 ? labels[0]! : null;
  return label && !label.gtin && !label.item ? label.lot : '';
}

function goods(draft: Draft, pack: Pack, code: string, hit: Hit): Judged<Draft> {
  const current = lineOf(pack, draft.lineId);
  const stays =
    !!current &&
    current.item_id === hit.goods.item_id &&
    (!hit.lot || !draft.lot || hit.lot === draft.lot || !draft.scans);
  if (stays && isKnown(current)) return count(draft, current, hit, pack.today);
  if (draft.quantity && current && draft.again !== code) {
    const words = say.t('switchLine', {
      item: current.item_name,
      n: amount(draft.quantity, current.unit),
    });
    return judged({ ...draft, again: code }, said('ask', words, 'confirmation_required'));
  }
  const lines = pack.lines.filter((each) => each.item_id === hit.goods.item_id);
  const line = lines.find((each) => each.open !== '0') || lines[0];
  return isKnown(line) ? count(fresh(line.id), line, hit, pack.today) : unknown(draft, code);
}

function count(draft: Draft, line: Known, hit: Hit, today: string): Judged<Draft> {
  const item = line.item_name;
  if (line.tracking === 'serial') {
    if (!hit.serial)
      return judged(draft, said('error', say.t('serialMissing', { item }), 'serial_missing'));
    if (draft.serials.indexOf(hit.serial) >= 0) {
      return judged(
        draft,
        said('warn', say.t('serialAgain', { serial: hit.serial }), 'serial_again'),
      );
    }
  }
  const after: Draft = {
    ...draft,
    quantity: draft.quantity + hit.perScan,
    scans: draft.scans + 1,
    lot: hit.lot || draft.lot,
    madeOn: hit.madeOn || draft.madeOn,
    useBy: hit.useBy || draft.useBy,
    serials:
      hit.serial && line.tracking === 'serial' ? [...draft.serials, hit.serial] : draft.serials,
    again: '',
  };
  return judged(after, counted(after, line, hit, today));
}

function counted(draft: Draft, line: Known, hit: Hit, today: string): Said {
  const item = line.item_name,
    n = amount(draft.quantity, line.unit);
  if (isExpired(draft, today))
    return said('warn', say.t('expired', { item, day: draft.useBy }), 'label_expired');
  const over = draft.quantity - open(line);
  if (over > 0)
    return said(
      'warn',
      say.t('overOrder', { item, n, over: amount(over, line.unit) }),
      'over_order',
    );
  if (hit.repaired)
    return said('warn', say.t('repaired', { item, n, lot: draft.lot || '—' }), 'label_repaired');
  return said('ok', say.t('counted', { item, n, left: amount(-over, line.unit) }));
}

/** A bin shelves everything; what is missing keeps the bin in mind, so it is not scanned twice. */
function place(draft: Draft, pack: Pack, code: string): Judged<Draft> {
  const line = lineOf(pack, draft.lineId),
    is = binOf(code, pack.bins);
  if (is === 'no') return unknown(draft, code);
  if (!line)
    return judged(draft, said('error', say.t('goodsFirst', { bin: code }), 'unexpected_scan'));
  if (is === 'maybe' && draft.again !== code) {
    return judged(
      { ...draft, again: code },
      said('ask', say.t('strangeBin', { bin: code }), 'confirmation_required'),
    );
  }
  const held = { ...draft, bin: code, again: '' };
  const wants = missing(held, line, pack.today)[0];
  if (wants) {
    return judged(
      held,
      said('ask', say.t('binHeld', { bin: code, what: wanted(wants) }), `missing_${wants}`),
    );
  }
  return judged(
    held,
    said(
      'ok',
      say.t('recorded', { item: line.item_name, n: amount(held.quantity, line.unit), bin: code }),
    ),
    'book',
  );
}
