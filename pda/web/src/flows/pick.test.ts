// Picking a wave: the path, the hard stops, short picks, and what is told to the server.
import { expect, test } from 'vitest';
import {
  booked,
  cutOffOf,
  fresh,
  merged,
  nextLine,
  pickFacts,
  progress,
  scanned,
  shortFacts,
  type Draft,
  type Line,
  type Pack,
} from './pick.ts';
import { ONE } from './quantity.ts';

function line(id: string, step: number, bin: string, more: Partial<Line> = {}): Line {
  return {
    id,
    step,
    version: 1,
    bin,
    item_code: `I-${id}`,
    item_name: `货 ${id}`,
    unit: '盒',
    lot: '',
    expires_on: '',
    tracking: 'none',
    quantity: '2',
    picked: '0',
    state: 'open',
    order_code: 'XS-1',
    barcodes: [{ code: `69010020001${id}`, per_scan: '1' }],
    ...more,
  };
}
const LOTTED = '06901002000019';
const PACK: Pack = {
  wave: { id: 'w1', code: 'BC-01', version: 1, carrier: '顺丰', cut_off: '16:00' },
  lines: [
    line('22', 2, 'B-02'),
    line('11', 1, 'A-01'),
    line('33', 3, 'C-03', { lot: 'L-1', barcodes: [{ code: LOTTED, per_scan: '1' }] }),
    line('44', 4, 'C-03', {
      tracking: 'serial',
      barcodes: [{ code: '06901002003010', per_scan: '1' }],
    }),
  ],
  short_reasons: [{ key: 'empty', label: '库位空' }],
};
function at(id: string, atBin = false): Draft {
  return fresh(id, atBin);
}

test('the path decides which line is next, and goes on after it', () => {
  expect(nextLine(PACK)!.id).toBe('11');
  expect(nextLine(PACK, '11')!.id).toBe('22');
  expect(
    nextLine(
      {
        ...PACK,
        lines: PACK.lines.map((each) => (each.id === '44' ? each : { ...each, state: 'picked' })),
      },
      '44',
    )!.id,
  ).toBe('44');
});

test('bin, goods, goods: the line is booked absolutely', () => {
  let found = scanned(at('11'), PACK, 'A-01');
  expect(found).toMatchObject({ said: { level: 'ok' }, draft: { atBin: true } });
  found = scanned(found.draft, PACK, '6901002000111');
  expect(found).toMatchObject({ next: '', said: { level: 'ok' } });
  found = scanned(found.draft, PACK, '6901002000111');
  expect(found.next).toBe('book');
  expect(pickFacts(found.draft, PACK.lines[1]!)).toEqual({
    line_id: '11',
    quantity: '2',
    scanned: { bin: 'A-01', goods: '6901002000111' },
  });
});

test('a wrong bin and wrong goods stop hard and count nothing', () => {
  expect(scanned(at('11'), PACK, 'B-02')).toMatchObject({
    said: { level: 'error', sound: 'error', hard: true },
  });
  const wrong = scanned(at('11', true), PACK, '6901002000122');
  expect(wrong).toMatchObject({
    said: { code: 'wrong_goods', hard: true },
    draft: { quantity: 0 },
  });
  expect(scanned(at('11', true), PACK, '4000000000006').said).toMatchObject({
    code: 'wrong_goods',
    hard: true,
  });
});

test('goods before the bin count nothing', () => {
  expect(scanned(at('11'), PACK, '6901002000111')).toMatchObject({
    said: { code: 'bin_first' },
    draft: { quantity: 0 },
  });
});

test('one more than wanted is refused, whatever pack it comes in', () => {
  const boxed = {
    ...PACK,
    lines: [line('11', 1, 'A-01', { barcodes: [{ code: '6901002000111', per_scan: '12' }] })],
  };
  expect(scanned(at('11', true), boxed, '6901002000111')).toMatchObject({
    said: { code: 'too_much', hard: true },
    draft: { quantity: 0 },
  });
});

test('another lot than the reserved one stops hard', () => {
  expect(scanned(at('33', true), PACK, `01${LOTTED}10L-2`).said).toMatchObject({
    code: 'other_lot',
    hard: true,
  });
  expect(scanned(at('33', true), PACK, `01${LOTTED}10L-1`).draft.quantity).toBe(ONE);
});

test('serials travel with the line', () => {
  const one = scanned(at('44', true), PACK, '010690100200301021S-1').draft;
  expect(scanned(one, PACK, '010690100200301021S-1').said.code).toBe('serial_again');
  const two = scanned(one, PACK, '010690100200301021S-2');
  expect(two.next).toBe('book');
  expect(pickFacts(two.draft, PACK.lines[3]!)).toMatchObject({ serials: ['S-1', 'S-2'] });
});

test('a short pick says how many were found and why; the wave goes on', () => {
  const draft = { ...at('11', true), quantity: ONE, reason: 'empty' };
  expect(shortFacts(draft, PACK.lines[1]!)).toEqual({
    line_id: '11',
    quantity: '1',
    reason: 'empty',
  });
  const after = booked(PACK, draft, 'short');
  expect(progress(after)).toEqual({ done: 1, all: 4 });
  expect(nextLine(after, '11')!.id).toBe('22');
});

test('the printed label of a bin is the bin, right or wrong', () => {
  expect(scanned(at('11'), PACK, 'J1:PA-01').draft.atBin).toBe(true);
  expect(scanned(at('11'), PACK, ']d1J1:PB-02').said).toEqual(scanned(at('11'), PACK, 'B-02').said);
  const taken = scanned(at('33', true), PACK, 'J1:II-33:LL-1:N2');
  expect(taken).toMatchObject({ next: 'book', draft: { quantity: 2 * ONE } });
  expect(scanned(at('33', true), PACK, 'J1:II-33:LL-9').said.code).toBe('other_lot');
});

test("the server's walk comes in: new stops, another's stop done, mine kept until it is heard", () => {
  const local = booked(PACK, { ...at('11'), quantity: 2 * ONE }, 'picked');
  const told: Pack = {
    ...PACK,
    lines: [
      ...PACK.lines.map((each) => (each.id === '22' ? { ...each, state: 'picked' as const } : each)),
      line('55', 5, 'D-01'),
    ],
  };
  const now = merged(local, told, ['11']);
  expect(now.lines.filter((each) => each.state === 'open').map((each) => each.id)).toEqual([
    '33',
    '44',
    '55',
  ]);
  expect(merged(local, told, []).lines.find((each) => each.id === '11')!.state).toBe('open');
});

test('what was picked of a stop before counts: only the rest is wanted', () => {
  const part = { ...PACK, lines: [line('11', 1, 'A-01', { picked: '1' })] };
  const found = scanned(at('11', true), part, '6901002000111');
  expect(found.next).toBe('book');
  expect(booked(part, found.draft, 'picked').lines[0]!.picked).toBe('2');
});

test('photos and serials go along with a short pick', () => {
  const row = line('44', 4, 'C-03', { tracking: 'serial' });
  const draft = { ...at('44', true), serials: ['SN-1'], quantity: ONE, reason: 'missing' };
  expect(shortFacts(draft, row)).toEqual({
    line_id: '44',
    quantity: '1',
    reason: 'missing',
    serials: ['SN-1'],
  });
});

test("the cut-off is read on the warehouse's clock", () => {
  const wave = { ...PACK.wave, cut_off: '2026-03-02T08:30:00Z' };
  expect(cutOffOf({ ...PACK, wave })).toBe('16:30');
  expect(cutOffOf({ ...PACK, wave: { ...wave, cut_off: null } })).toBe('');
});
