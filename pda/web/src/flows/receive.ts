// Receive + inspect + put away one line, judged on this device from the pack of its order.
//   missing(draft, line)  what is not there yet      facts(draft, line)  the one operation
//   booked(pack, draft)   the pack after it          scans: receive-scan.ts
// Pure: no Vue, no storage, no clock. The server decides again. Not for what the screen looks like.

import { say } from '../words/index.ts';
import type { Bins, Suggested } from './bins.ts';
import type { Goods } from './goods.ts';
import { ONE, micro, plain, show, type Micro } from './quantity.ts';

export interface Line extends Partial<Goods> {
  id: string;
  order_id: string;
  order_code: string;
  no: number;
  item_code: string;
  item_name: string;
  unit: string;
  ordered: string;
  received: string;
  open: string;
  over_percent?: number;
  bins?: Suggested[];
}
export interface Order {
  id: string;
  code: string;
  supplier: string;
  warehouse: string;
  due_on: string;
}
export interface Pack {
  order: Order;
  lines: Line[];
  bins: Bins;
  today: string;
}
export type Known = Line & Goods;

/** Quantities in millionths. `verdict` is never preset: looking is the work. */
export interface Draft {
  lineId: string;
  quantity: Micro;
  scans: number;
  lot: string;
  madeOn: string;
  useBy: string;
  serials: string[];
  badSerials: string[];
  checks: { [key: string]: string };
  verdict: '' | 'pass' | 'fail' | 'later';
  rejected: Micro;
  reason: string;
  overReason: string;
  photos: string[];
  bin: string;
  /** The code that must come again to mean yes. */
  again: string;
}

export type Missing =
  | 'goods'
  | 'lot'
  | 'expiry'
  | 'verdict'
  | 'checks'
  | 'expired'
  | 'reason'
  | 'overReason'
  | 'serials'
  | 'bin';

export function fresh(lineId = ''): Draft {
  return {
    lineId,
    quantity: 0,
    scans: 0,
    lot: '',
    madeOn: '',
    useBy: '',
    serials: [],
    badSerials: [],
    checks: {},
    verdict: '',
    rejected: 0,
    reason: '',
    overReason: '',
    photos: [],
    bin: '',
    again: '',
  };
}

export function isKnown(line: Line | undefined): line is Known {
  return !!line && !!line.barcodes;
}

export function lineOf(pack: Pack, id: string): Line | undefined {
  return pack.lines.find((each) => each.id === id);
}

/** In the order in which they are asked for. */
export function missing(draft: Draft, line: Line, today: string): Missing[] {
  const found: Missing[] = [];
  const accepted = draft.verdict === 'fail' ? draft.quantity - draft.rejected : draft.quantity;
  if (draft.quantity <= 0) found.push('goods');
  if (line.tracking === 'serial' && draft.serials.length * ONE !== draft.quantity)
    found.push('serials');
  if (line.tracking === 'lot' && !draft.lot) found.push('lot');
  if (line.needs_expiry && !draft.useBy && !draft.madeOn) found.push('expiry');
  if (line.needs_inspection && !draft.verdict) found.push('verdict');
  if (
    draft.verdict &&
    draft.verdict !== 'later' &&
    accepted > 0 &&
    unanswered(draft, line).length
  ) {
    found.push('checks'); // goods refused at first sight need no filled-in list
  }
  if (isExpired(draft, today) && (draft.verdict !== 'fail' || accepted > 0)) found.push('expired');
  if (draft.verdict === 'fail' && !draft.reason) found.push('reason');
  if (draft.quantity > most(line) && !draft.overReason) found.push('overReason');
  if (accepted > 0 && draft.verdict !== 'later' && !draft.bin) found.push('bin');
  return found;
}

export function unanswered(draft: Draft, line: Line): string[] {
  return (line.checklist || []).map((each) => each.key).filter((key) => !draft.checks[key]);
}

/** 合格: every yes/no check is answered with it; measured ones still have to be typed. */
export function passed(draft: Draft, line: Line): Draft {
  const checks = { ...draft.checks };
  for (const each of line.checklist || []) if (each.kind === 'ok') checks[each.key] = 'ok';
  return { ...draft, verdict: 'pass', checks, rejected: 0, reason: '', badSerials: [] };
}

/** 不合格: all of it until somebody says how many. Checks that were not looked at stay open. */
export function failed(draft: Draft, line: Line, rejected = draft.quantity): Draft {
  const badSerials = line.tracking === 'serial' ? draft.serials : [];
  const checks = draft.verdict === 'pass' ? {} : draft.checks;
  return {
    ...draft,
    verdict: 'fail',
    checks,
    badSerials,
    rejected: Math.min(rejected, draft.quantity),
  };
}

/** Serial goods: the bad ones are named, not numbered. */
export function toggled(draft: Draft, serial: string): Draft {
  const has = draft.badSerials.indexOf(serial) >= 0;
  const badSerials = has
    ? draft.badSerials.filter((each) => each !== serial)
    : [...draft.badSerials, serial];
  return { ...draft, badSerials, rejected: badSerials.length * ONE };
}

/** The whole line as the one operation that the server books or refuses. */
export function facts(draft: Draft, line: Line): { [key: string]: unknown } {
  const judgedNow = draft.verdict === 'pass' || draft.verdict === 'fail';
  const rejected = draft.verdict === 'fail' ? draft.rejected : 0;
  const inputs: { [key: string]: unknown } = {
    order_id: line.order_id,
    line_id: line.id,
    quantity: plain(draft.quantity),
    lot: draft.lot,
    made_on: draft.madeOn,
    expires_on: draft.useBy,
    serials: draft.serials,
    over_reason: draft.overReason,
    bin: draft.verdict === 'later' || rejected === draft.quantity ? '' : draft.bin,
  };
  if (!judgedNow) return inputs;
  return {
    ...inputs,
    accepted: plain(draft.quantity - rejected),
    rejected: plain(rejected),
    reason: draft.reason,
    checks: draft.checks,
    rejected_serials: draft.badSerials,
  };
}

/** The pack as it will be once the server has booked it: the next scan is judged by that. */
export function booked(pack: Pack, draft: Draft): Pack {
  const lines = pack.lines.map((each) => {
    if (each.id !== draft.lineId) return each;
    const received = (micro(each.received) || 0) + draft.quantity;
    return {
      ...each,
      received: plain(received),
      open: plain(Math.max(0, open(each) - draft.quantity)),
    };
  });
  return { ...pack, lines };
}

export function open(line: Line): Micro {
  return micro(line.open) || 0;
}

/** What may come without a reason: what is open and the agreed percentage above what was ordered. */
function most(line: Line): Micro {
  return open(line) + Math.floor(((micro(line.ordered) || 0) * (line.over_percent || 0)) / 100);
}

export function isExpired(draft: Draft, today: string): boolean {
  return !!draft.useBy && draft.useBy < today;
}

export function wanted(what: Missing): string {
  return say.t(`want_${what}` as 'want_goods');
}

export function amount(quantity: Micro, unit: string): string {
  return `${show(quantity)} ${unit}`;
}
