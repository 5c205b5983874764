// Putaway, transfer and count judged on the device.
import { expect, test } from 'vitest';
import * as count from './count.ts';
import { recognise, type Goods } from './goods.ts';
import * as putaway from './putaway.ts';
import { ONE, micro, plain, show } from './quantity.ts';
import * as transfer from './transfer.ts';

const CUP: Goods = {
  item_id: 1,
  item_code: 'JL-201',
  item_name: '杯盖',
  unit: '只',
  tracking: 'none',
  needs_expiry: false,
  needs_inspection: false,
  checklist: [],
  barcodes: [{ code: '6901002002013', per_scan: '1' }],
  lots: [],
};
const MILK: Goods = {
  ...CUP,
  item_id: 2,
  item_code: 'JL-101',
  item_name: '燕麦奶',
  tracking: 'lot',
  barcodes: [{ code: '06901002001016', per_scan: '12' }],
  lots: [],
};
const LABEL = '010690100200101610L-1';

test('quantities stay exact and are read by people', () => {
  expect([micro('12.5'), micro('0.000001'), micro('1e3'), micro('')]).toEqual([
    12_500_000,
    1,
    null,
    null,
  ]);
  expect(plain(12_500_000)).toBe('12.5');
  expect(show(1_234_567 * ONE)).toBe('1,234,567');
  expect(0.1 * 3 === 0.3).toBe(false);
  expect(plain(micro('0.1')! * 3)).toBe('0.3');
});

const SHELF: putaway.Pack = {
  id: 'r1',
  item_code: 'JL-101',
  item_name: '燕麦奶',
  unit: '盒',
  lot: 'L-1',
  expires_on: '',
  quantity: '24',
  version: '0',
  bins: [{ code: 'B-01', why: '同批次' }],
  goods: MILK,
  all_bins: { codes: ['B-01', 'B-02'], complete: true },
};

test('putaway: the suggested bin books, another one is asked for twice', () => {
  const start = putaway.fresh(SHELF);
  expect(putaway.scanned(start, SHELF, 'B-01').next).toBe('book');
  const asked = putaway.scanned(start, SHELF, 'B-02');
  expect(asked).toMatchObject({ next: '', said: { level: 'ask' } });
  const sure = putaway.scanned(asked.draft, SHELF, 'B-02');
  expect(sure.next).toBe('book');
  expect(putaway.facts(sure.draft, SHELF)).toEqual({
    receipt_line_id: 'r1',
    bin: 'B-02',
    quantity: '24',
  });
});

test('putaway: another lot in the hands stops hard', () => {
  expect(putaway.scanned(putaway.fresh(SHELF), SHELF, '010690100200101610L-2').said.hard).toBe(
    true,
  );
});

const HERE: transfer.Pack = {
  place: 'D-01',
  known: true,
  goods: [CUP, MILK],
  rows: [
    {
      item_id: 1,
      item_name: '杯盖',
      lot: '',
      expires_on: '',
      status: 'ok',
      available: '2',
      unit: '只',
    },
    {
      item_id: 2,
      item_name: '燕麦奶',
      lot: 'L-1',
      expires_on: '',
      status: 'ok',
      available: '24',
      unit: '盒',
    },
    {
      item_id: 2,
      item_name: '燕麦奶',
      lot: 'L-2',
      expires_on: '',
      status: 'ok',
      available: '12',
      unit: '盒',
    },
  ],
};

test('transfer: place, goods, place; beyond what is free nothing counts', () => {
  let found = transfer.scanned(transfer.fresh(), HERE, 'D-01', true);
  for (const n of [1, 2]) {
    found = transfer.scanned(found.draft, HERE, '6901002002013', false);
    expect(found.draft.quantity).toBe(n * ONE);
  }
  expect(transfer.scanned(found.draft, HERE, '6901002002013', false)).toMatchObject({
    said: { code: 'too_much_here', hard: true },
    draft: { quantity: 2 * ONE },
  });
  const done = transfer.scanned(found.draft, HERE, 'D-02', true);
  expect(done.next).toBe('book');
  expect(transfer.facts(done.draft)).toEqual({
    from: 'D-01',
    to: 'D-02',
    item_code: 'JL-201',
    lot: '',
    quantity: '2',
    serials: [],
  });
});

test('transfer: several lots ask for one before the move', () => {
  const held = transfer.scanned(transfer.fresh('D-01'), HERE, '06901002001016', false).draft;
  expect(transfer.scanned(held, HERE, 'D-02', true).said.code).toBe('choose_lot');
  expect(transfer.lots(HERE, held).map((each) => each.lot)).toEqual(['L-1', 'L-2']);
  const labelled = transfer.scanned(transfer.fresh('D-01'), HERE, LABEL, false).draft;
  expect(transfer.scanned(labelled, HERE, 'D-02', true).next).toBe('book');
});

test('transfer: without a network the stock is not guessed', () => {
  const found = transfer.scanned(
    transfer.fresh('D-01'),
    { ...HERE, rows: [], known: false },
    '6901002002013',
    false,
  );
  expect(found).toMatchObject({ said: { level: 'ok' }, draft: { quantity: ONE } });
});

const SHEET: count.Pack = {
  count_id: 'c1',
  left: 2,
  goods: [CUP, MILK],
  bins: { codes: ['D-01', 'D-02'], complete: true },
  sheet: [
    { place: 'D-01', item_code: 'JL-201', item_name: '杯盖', lot: '', state: 'open' },
    { place: 'D-02', item_code: 'JL-101', item_name: '燕麦奶', lot: 'L-1', state: 'open' },
  ],
};

test('count: the place is sticky, every scan is one, unknown codes stay on the list', () => {
  let draft = count.scanned(count.fresh(), SHEET, 'D-01').draft;
  for (let n = 0; n < 3; n += 1) draft = count.scanned(draft, SHEET, '6901002002013').draft;
  const strange = count.scanned(draft, SHEET, '4000000000006');
  expect(strange).toMatchObject({
    next: 'ask-server',
    draft: { strange: ['4000000000006'], scans: 3 },
  });
  expect(count.facts(strange.draft, SHEET)).toEqual({
    count_id: 'c1',
    place: 'D-01',
    zero: false,
    seen: [{ item_code: 'JL-201', lot: '', quantity: '3', serials: [] }],
  });
});

test('count: what was not seen is zero only as a fact of its own', () => {
  const draft = count.scanned(count.fresh(), SHEET, 'D-01').draft;
  expect(count.notSeen(draft, SHEET).map((each) => each.item_code)).toEqual(['JL-201']);
  expect(count.facts(draft, SHEET)).toMatchObject({ seen: [], zero: true });
});

test('count: unsaved scans are not lost by another place, and the only lot of a place is known', () => {
  let draft = count.scanned(count.fresh('D-02'), SHEET, '06901002001016').draft;
  expect(draft.tallies[0]).toMatchObject({ lot: 'L-1', quantity: 12 * ONE });
  const asked = count.scanned(draft, SHEET, 'D-01');
  expect(asked).toMatchObject({ said: { level: 'ask' }, draft: { place: 'D-02' } });
  draft = count.scanned(asked.draft, SHEET, 'D-01').draft;
  expect(draft).toMatchObject({ place: 'D-01', tallies: [] });
  expect(count.scanned(draft, SHEET, '06901002001016').said.code).toBe('lot_label_wanted');
});

test('our own printed labels: the goods with lot, dates and count, the bin as its bare code', () => {
  const own = 'J1:IJL-101:LL-1:M20260101:E20261231:N6';
  expect(recognise(own, [CUP, MILK], '2026-03-02')).toMatchObject({
    kind: 'goods',
    hit: { goods: { item_code: 'JL-101' }, perScan: 6 * ONE, lot: 'L-1', madeOn: '2026-01-01' },
  });
  expect(recognise(']Q1J1:IJL-101', [MILK], '')).toMatchObject({ hit: { perScan: ONE, lot: '' } });
  expect(recognise('J1:ISX-9:SS-1', [{ ...CUP, item_code: 'SX-9' }], '')).toMatchObject({
    hit: { serial: 'S-1', useBy: '' },
  });
  expect(recognise('J1:INOT-HERE', [CUP, MILK], '').kind).toBe('none');
  expect(putaway.scanned(putaway.fresh(SHELF), SHELF, 'J1:PB-01')).toEqual(
    putaway.scanned(putaway.fresh(SHELF), SHELF, 'B-01'),
  );
  expect(putaway.scanned(putaway.fresh(SHELF), SHELF, ']Q1J1:PB-02')).toEqual(
    putaway.scanned(putaway.fresh(SHELF), SHELF, 'B-02'),
  );
  const held = transfer.scanned(transfer.fresh('D-01'), HERE, own, false).draft;
  expect(held).toMatchObject({ lot: 'L-1', quantity: 6 * ONE });
  expect(transfer.scanned(held, HERE, 'J1:PD-02', true).draft.to).toBe('D-02');
  expect(count.scanned(count.fresh(), SHEET, 'J1:PD-01').draft.place).toBe('D-01');
});
