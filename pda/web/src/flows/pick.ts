// Pick a wave, one line at a time on the path: scan the bin, then the goods until it is enough.
// Pure and offline for the whole claimed wave: each line is booked by itself, absolutely. A wrong
// bin or a wrong item is a hard stop: nothing goes on until a person has seen it.

import { say } from '../words/index.ts';
import { placed } from './bins.ts';
import { recognise, type Goods } from './goods.ts';
import { judged, said, type Judged } from './judgement.ts';
import { micro, plain, show, type Micro } from './quantity.ts';

export interface Line {
  id: string;
  step: number;
  version: number | string;
  bin: string;
  item_code: string;
  item_name: string;
  unit: string;
  lot: string;
  expires_on: string;
  tracking: 'none' | 'lot' | 'serial';
  quantity: string;
  picked: string;
  state: 'open' | 'picked' | 'short' | 'cancelled';
  order_code: string;
  barcodes: { code: string; per_scan: string }[];
}
export interface Pack {
  wave: {
    id: string;
    code: string;
    version: number | string;
    carrier: string;
    cut_off: string | null;
    why?: string;
  };
  lines: Line[];
  short_reasons: { key: string; label: string }[];
}
export interface Draft {
  lineId: string;
  atBin: boolean;
  quantity: Micro;
  serials: string[];
  goodsCode: string;
  reason: string;
  note: string;
  photos: string[];
}

export function fresh(lineId = '', atBin = false): Draft {
  return { lineId, atBin, quantity: 0, serials: [], goodsCode: '', reason: '', note: '', photos: [] };
}

/** In the order of the path; the next open one is preloaded with the pack. */
export function nextLine(pack: Pack, after = ''): Line | undefined {
  const walk = path(pack);
  const from = walk.findIndex((each) => each.id === after) + 1;
  return walk.slice(from).find(isOpen) || walk.find(isOpen);
}
function isOpen(line: Line): boolean {
  return line.state === 'open';
}

/** How much of a line is still to be taken. */
export function left(line: Line): Micro {
  return Math.max(0, (micro(line.quantity) || 0) - (micro(line.picked) || 0));
}

export function scanned(draft: Draft, pack: Pack, scan: string, today = ''): Judged<Draft> {
  const code = placed(scan);
  const line = pack.lines.find((each) => each.id === draft.lineId);
  if (!line) return judged(draft, said('info', say.t('waveDone')));
  const found = recognise(code, pack.lines.map(asGoods), today);
  if (found.kind === 'goods') return goods(draft, line, found.hit, code);
  if (code === line.bin)
    return judged(
      { ...draft, atBin: true },
      said('ok', say.t('rightBin', { bin: code, item: line.item_name })),
    );
  if (pack.lines.some((each) => each.bin === code)) {
    return judged(
      draft,
      said('error', say.t('wrongBin', { bin: code, wanted: line.bin }), 'wrong_bin', true),
    );
  }
  return judged(
    draft,
    said('error', say.t('wrongGoods', { item: code, wanted: line.item_name }), 'wrong_goods', true),
  );
}

function goods(
  draft: Draft,
  line: Line,
  hit: { goods: Goods; lot: string; serial: string; perScan: Micro },
  code: string,
): Judged<Draft> {
  if (hit.goods.item_code !== line.item_code) {
    return judged(
      draft,
      said(
        'error',
        say.t('wrongGoods', { item: hit.goods.item_name, wanted: line.item_name }),
        'wrong_goods',
        true,
      ),
    );
  }
  if (!draft.atBin)
    return judged(draft, said('error', say.t('binFirst', { bin: line.bin }), 'bin_first'));
  if (hit.lot && line.lot && hit.lot !== line.lot) {
    return judged(
      draft,
      said('error', say.t('otherLot', { lot: hit.lot, wanted: line.lot }), 'other_lot', true),
    );
  }
  if (line.tracking === 'serial') {
    if (!hit.serial)
      return judged(
        draft,
        said('error', say.t('serialMissing', { item: line.item_name }), 'serial_missing'),
      );
    if (draft.serials.indexOf(hit.serial) >= 0) {
      return judged(
        draft,
        said('warn', say.t('serialAgain', { serial: hit.serial }), 'serial_again'),
      );
    }
  }
  const quantity = draft.quantity + hit.perScan;
  if (quantity > left(line)) {
    const facts = {
      item: line.item_name,
      n: `${show(left(line))} ${line.unit}`,
      one: `${show(hit.perScan)} ${line.unit}`,
    };
    return judged(draft, said('error', say.t('tooMuchPicked', facts), 'too_much', true));
  }
  const serials =
    hit.serial && line.tracking === 'serial' ? [...draft.serials, hit.serial] : draft.serials;
  const after = { ...draft, quantity, serials, goodsCode: code };
  const n = `${show(quantity)} / ${show(left(line))} ${line.unit}`;
  return judged(
    after,
    said('ok', say.t('picked', { item: line.item_name, n })),
    quantity === left(line) ? 'book' : '',
  );
}

export function pickFacts(draft: Draft, line: Line): { [key: string]: unknown } {
  const inputs: { [key: string]: unknown } = {
    line_id: line.id,
    quantity: plain(draft.quantity),
    scanned: { bin: line.bin, goods: draft.goodsCode },
  };
  return line.tracking === 'serial' ? { ...inputs, serials: draft.serials } : inputs;
}

export function shortFacts(draft: Draft, line: Line): { [key: string]: unknown } {
  const inputs: { [key: string]: unknown } = {
    line_id: line.id,
    quantity: plain(draft.quantity),
    reason: draft.reason,
  };
  if (draft.note) inputs.note = draft.note;
  return line.tracking === 'serial' ? { ...inputs, serials: draft.serials } : inputs;
}

/** The wave as it will be once the server has booked this line. */
export function booked(pack: Pack, draft: Draft, state: 'picked' | 'short'): Pack {
  const taken = (each: Line): string => plain((micro(each.picked) || 0) + draft.quantity);
  const lines = pack.lines.map((each) =>
    each.id === draft.lineId ? { ...each, state, picked: taken(each) } : each,
  );
  return { ...pack, lines };
}

/** The walk as the server tells it, with what the hands did since and it has not heard of. Stops
 * that a short pick added stand in it, and those that somebody else did are done. */
export function merged(local: Pack, told: Pack, ahead: string[]): Pack {
  const mine = local.lines.filter((each) => ahead.indexOf(each.id) >= 0);
  const lines = told.lines.map((each) => mine.find((one) => one.id === each.id) || each);
  return { ...told, lines };
}

/** The wave's stops in walking order, for the list below the work. */
export function path(pack: Pack): Line[] {
  return [...pack.lines].sort((a, b) => a.step - b.step);
}

export function progress(pack: Pack): { done: number; all: number } {
  return {
    done: pack.lines.filter((each) => each.state !== 'open').length,
    all: pack.lines.length,
  };
}

/** When the carrier leaves, on the warehouse's clock (China has one), whatever the device's says. */
export function cutOffOf(pack: Pack): string {
  const text = pack.wave.cut_off || '';
  if (!/T/.test(text)) return text;
  return new Date(Date.parse(text) + 8 * 3_600_000).toISOString().slice(11, 16);
}

/** What `urgent` `open` takes, when a short pick found the rest nowhere in this warehouse. */
export interface Wish {
  item: string;
  place: string;
  missing: string;
}

function asGoods(line: Line, n: number): Goods {
  return {
    item_id: n,
    item_code: line.item_code,
    item_name: line.item_name,
    unit: line.unit,
    tracking: line.tracking,
    needs_expiry: false,
    needs_inspection: false,
    checklist: [],
    barcodes: line.barcodes,
    lots: [],
  };
}
