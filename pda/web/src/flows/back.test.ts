// Goods that come back or go away: which row a scan means, what still lacks, what is told.
import { expect, test } from 'vitest';
import { booked, facts, fresh, lack, rowsOf, scanned, type Draft, type Pack } from './back.ts';
import type { Goods } from './goods.ts';
import { ONE } from './quantity.ts';

function goods(id: number, code: string, more: Partial<Goods> = {}): Goods {
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
    ...more,
  };
}
const LIDS = goods(1, '690100200111'),
  BASE = goods(2, '06901002000019', { tracking: 'lot' });
const SALE: Pack = {
  sale: { id: 's1', code: 'XS-1', customer: '青禾' },
  lines: [
    { ...LIDS, id: 'l1', lot: '', quantity: '2', version: '0' },
    { ...BASE, id: 'l2', lot: 'L-1', quantity: '12', version: '0' },
  ],
  conditions: [{ key: 'good', label: '完好' }],
};
function here(status: string, quantity: string) {
  const facts = { lot: 'L-1', expires_on: '', status, quantity, unit: '袋' };
  return { item_id: 2, item_code: 'I-2', item_name: '货 2', ...facts };
}
const BIN: Pack = {
  place: 'A-01',
  rows: [here('hold', '3'), here('ok', '9')],
  goods: [BASE],
  suppliers: [{ key: 'S-1', label: '恒顺' }],
  actions: ['supplier', 'scrap'],
};
const scan = (draft: Draft, pack: Pack, code: string): Draft => scanned(draft, pack, code).draft;

test('a scan chooses the line and counts; more than was shipped is a hard stop', () => {
  let draft = scan(fresh('p-1', 'customer'), SALE, '690100200111');
  draft = scan(draft, SALE, '690100200111');
  expect([draft.row, draft.quantity]).toEqual(['l1/', 2 * ONE]);
  expect(scanned(draft, SALE, '690100200111').said).toMatchObject({ code: 'too_much', hard: true });
});

test('other goods begin anew; goods or a lot that are no part of it stop', () => {
  const draft = scan(fresh('p-1', 'customer'), SALE, '690100200111');
  const other = scan(draft, SALE, '010690100200001910L-1');
  expect([other.row, other.quantity]).toEqual(['l2/L-1', ONE]);
  expect(scanned(draft, SALE, '010690100200001910L-9').said.hard).toBe(true);
  expect(scanned(draft, SALE, '4000000000006')).toMatchObject({ next: 'ask-server' });
});

test('it says step by step what lacks, and then what is told', () => {
  let draft = fresh('p-1', 'customer');
  expect(lack(draft, SALE)).toBe('goods');
  draft = scan(draft, SALE, '010690100200001910L-1');
  expect(lack(draft, SALE)).toBe('condition');
  draft = { ...draft, condition: 'good' };
  expect(lack(draft, SALE)).toBe('reason');
  draft = { ...draft, reason: ' 不要了 ' };
  expect(lack(draft, SALE)).toBe('');
  expect(facts(draft, SALE)).toEqual({
    sale_id: 's1',
    line_id: 'l2',
    quantity: '1',
    lot: 'L-1',
    serials: [],
    condition: 'good',
    reason: '不要了',
  });
  expect(booked(SALE, draft).lines![1]).toMatchObject({ quantity: '11', version: '1' });
});

test('the same lot in two states is two rows; a chosen one stays chosen while it is scanned', () => {
  expect(rowsOf(BIN).map((each) => each.key)).toEqual(['2/L-1/hold', '2/L-1/ok']);
  const chosen = { ...fresh('p-1'), row: '2/L-1/ok' };
  const draft = scan(chosen, BIN, '010690100200001910L-1');
  expect([draft.row, draft.quantity]).toEqual(['2/L-1/ok', ONE]);
});

test('away: where to first, a supplier when it goes back, and the state it lies in', () => {
  let draft = scan(fresh('p-1'), BIN, '010690100200001910L-1');
  expect(lack(draft, BIN)).toBe('way');
  draft = { ...draft, way: 'supplier' };
  expect(lack(draft, BIN)).toBe('supplier');
  draft = { ...draft, supplier: 'S-1', reason: '质量问题' };
  expect(facts(draft, BIN)).toEqual({
    place: 'A-01',
    item_code: 'I-2',
    lot: 'L-1',
    status: 'hold',
    quantity: '1',
    serials: [],
    supplier: 'S-1',
    reason: '质量问题',
  });
  const all = { ...draft, quantity: 3 * ONE };
  expect(booked(BIN, all).rows!.map((each) => each.status)).toEqual(['ok']);
});
