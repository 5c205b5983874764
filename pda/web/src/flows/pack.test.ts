// Packing an order: what goes into a box, the hard stops, several boxes, and what is told.
import { expect, test } from 'vitest';
import type { Goods } from './goods.ts';
import {
  boxed,
  closed,
  closeFacts,
  fitting,
  fresh,
  left,
  rest,
  scanned,
  shipFacts,
  shipped,
  waiting,
  type Draft,
  type Pack,
  type Row,
} from './pack.ts';
import { ONE } from './quantity.ts';

function row(id: number, code: string, quantity: string, more: Partial<Row> = {}): Row {
  return {
    item_id: id,
    item_code: `I-${id}`,
    item_name: `货 ${id}`,
    unit: '袋',
    tracking: 'none',
    needs_expiry: false,
    needs_inspection: false,
    checklist: [],
    barcodes: [{ code, per_scan: '1' }],
    lots: [],
    lot: '',
    quantity,
    ...more,
  };
}
const LOTTED = '06901002000019',
  SERIAL = '06901002003010';
const PACK: Pack = {
  sale: { id: 's1', code: 'XS-1', customer: '青禾', carrier: 'SF', state: 'picked', version: '0', note: '' },
  lines: [
    row(1, '690100200111', '2'),
    row(2, LOTTED, '1', { tracking: 'lot', lot: 'L-1' }),
    row(2, LOTTED, '1', { tracking: 'lot', lot: 'L-2' }),
    row(3, SERIAL, '1', { tracking: 'serial' }),
  ],
  boxes: [],
};
function into(draft: Draft, pack: Pack, ...codes: string[]): Draft {
  return codes.reduce((now, code) => scanned(now, pack, code).draft, draft);
}

test('goods count into the open box, and what is too many is a hard stop', () => {
  const two = into(fresh(), PACK, '690100200111', '690100200111');
  expect(left(PACK.lines[0]!, two)).toBe(0);
  const third = scanned(two, PACK, '690100200111');
  expect([third.said.code, third.said.hard]).toEqual(['too_much', true]);
  expect(third.draft).toBe(two);
});

test('goods of another order are a hard stop with their name, unknown ones are asked about', () => {
  const other: Goods = row(9, '690100200999', '1');
  const known = scanned(fresh(), PACK, '690100200999', [other]);
  expect([known.said.hard, known.next]).toEqual([true, '']);
  expect(known.said.text).toContain('货 9');
  const strange = scanned(fresh(), PACK, '4000000000006', [other]);
  expect([strange.said.hard, strange.next]).toEqual([true, 'ask-server']);
});

test('the label chooses the lot; another lot stops, and no lot at all is asked for', () => {
  const second = scanned(fresh(), PACK, `01${LOTTED}10L-2`);
  expect(second.draft.box).toEqual([{ item_id: 2, lot: 'L-2', quantity: ONE, serials: [] }]);
  expect(scanned(fresh(), PACK, `01${LOTTED}10L-9`).said.code).toBe('other_lot');
  expect(scanned(fresh(), PACK, LOTTED).said.code).toBe('lot_needed');
  expect(scanned(second.draft, PACK, LOTTED).draft.box).toHaveLength(2);
});

test('serials are told one by one and never twice', () => {
  expect(scanned(fresh(), PACK, SERIAL).said.code).toBe('serial_missing');
  const one = into(fresh(), PACK, `01${SERIAL}21SN-1`);
  expect(one.box[0]!.serials).toEqual(['SN-1']);
  const pack = { ...PACK, lines: [row(3, SERIAL, '2', { tracking: 'serial' })] };
  expect(scanned(one, pack, `01${SERIAL}21SN-1`).said.code).toBe('serial_again');
});

test('several boxes: each is told with its own content, and each is another operation', () => {
  const first = { ...into(fresh(), PACK, '690100200111'), weight: '3.5' };
  expect(closeFacts(first, PACK)).toEqual({
    sale_id: 's1',
    box: [{ item_id: 1, lot: '', quantity: '1', serials: [] }],
    weight: '3.5',
  });
  const after = boxed(PACK, first);
  expect(after.boxes).toEqual([{ code: 'XS-1-1', state: 'packed', weight: '3.5', early: true }]);
  expect(after.sale.version).toBe('1');
  expect(waiting(after).map((each) => each.quantity)).toEqual(['1', '1', '1', '1']);
  const next = boxed(after, into(fresh(), after, '690100200111'));
  expect(closed(next).map((each) => each.code)).toEqual(['XS-1-1', 'XS-1-2']);
  expect(next.sale.version).toBe('2');
});

test('the version counts boxes as the server does, so that none of its values comes twice', () => {
  const two = boxed(boxed(PACK, into(fresh(), PACK, '690100200111', '690100200111')), fresh());
  expect(shipped(two, { ...fresh(), labels: ['XS-1-1'] }).sale.version).toBe('3');
  expect(shipped(two, fresh()).sale.version).toBe('4');
});

test('labels are checked on the way out: once each, not while a box is open, all or some', () => {
  const pack: Pack = {
    ...PACK,
    lines: [],
    boxes: [
      { code: 'XS-1-1', state: 'packed', weight: '0' },
      { code: 'XS-1-2', state: 'packed', weight: '0' },
    ],
  };
  const open = { ...fresh(), box: [{ item_id: 1, lot: '', quantity: ONE, serials: [] }] };
  expect(scanned(open, pack, 'XS-1-1').said.code).toBe('close_first');
  expect(shipFacts(fresh(), pack)).toEqual({ sale_id: 's1', boxes: [] });
  const some = into(fresh(), pack, 'XS-1-2', 'XS-1-2');
  expect(shipFacts({ ...some, tracking: 'SF1' }, pack)).toEqual({
    sale_id: 's1',
    boxes: ['XS-1-2'],
    tracking: 'SF1',
  });
  const gone = shipped(pack, some);
  expect(closed(gone).map((each) => each.code)).toEqual(['XS-1-1']);
  expect(scanned(fresh(), gone, 'XS-1-2').said.code).toBe('box_shipped');
});

test('counted by hand: never more than waits, and nothing takes it out again', () => {
  const all = rest(fresh(), PACK.lines[0]!, 9 * ONE);
  expect(all.box[0]!.quantity).toBe(2 * ONE);
  expect(rest(all, PACK.lines[0]!, 0).box).toEqual([]);
});

test('a draft that outlived its box is emptied of what was told already', () => {
  const first = into(fresh(), PACK, '690100200111', '690100200111');
  const both = into(first, PACK, `01${LOTTED}10L-2`);
  expect(fitting(both, PACK)).toBe(both);
  expect(fitting(both, boxed(PACK, first)).box.map((each) => each.item_id)).toEqual([2]);
});
