// Receiving, judged on the device: what counts, what does not, what is still missing, what is told.
import { expect, test } from 'vitest';
import {
  booked,
  failed,
  fresh,
  facts,
  missing,
  passed,
  toggled,
  type Draft,
  type Line,
  type Pack,
} from './receive.ts';
import { scanned } from './receive-scan.ts';
import { ONE } from './quantity.ts';

const GTIN = '06901002000019',
  SERIAL_GTIN = '06901002003010';
function line(id: string, more: Partial<Line>): Line {
  return {
    id,
    order_id: 'o1',
    order_code: 'CG-1',
    no: 1,
    item_id: Number(id.slice(1)),
    item_code: `I-${id}`,
    item_name: `货 ${id}`,
    unit: '袋',
    ordered: '24',
    received: '0',
    open: '24',
    tracking: 'none',
    needs_expiry: false,
    needs_inspection: false,
    checklist: [],
    barcodes: [],
    lots: [],
    over_percent: 0,
    bins: [{ code: 'A-01', why: '空' }],
    ...more,
  };
}
const PACK: Pack = {
  order: { id: 'o1', code: 'CG-1', supplier: '恒顺', warehouse: '张江仓', due_on: '2026-03-02' },
  today: '2026-03-02',
  bins: { codes: ['A-01', 'A-02'], complete: true },
  lines: [
    line('l1', {
      tracking: 'lot',
      needs_expiry: true,
      needs_inspection: true,
      barcodes: [{ code: GTIN, per_scan: '12' }],
      checklist: [
        { key: 'box', label: '外包装', kind: 'ok' },
        { key: 'temp', label: '温度', kind: 'number' },
      ],
    }),
    line('l2', { barcodes: [{ code: '4006381333931', per_scan: '1' }] }),
    line('l3', { tracking: 'serial', barcodes: [{ code: SERIAL_GTIN, per_scan: '1' }] }),
  ],
};
const LABEL = `01${GTIN}1727123110L-7`;
function after(...codes: string[]): Draft {
  return codes.reduce((draft, code) => scanned(draft, PACK, code).draft, fresh());
}
const row = (n: number): Line => PACK.lines[n]!;

test('a label opens its line and brings quantity, lot and expiry', () => {
  const draft = after(LABEL);
  expect(draft).toMatchObject({
    lineId: 'l1',
    quantity: 12 * ONE,
    lot: 'L-7',
    useBy: '2027-12-31',
    scans: 1,
  });
});

test('ten identical scans are ten', () => {
  expect(after(...Array<string>(10).fill('4006381333931')).quantity).toBe(10 * ONE);
});

test('an EAN-13 is the same number with zeros in front', () => {
  expect(after('04006381333931').lineId).toBe('l2');
});

test('goods of no line count nothing and are asked about', () => {
  const found = scanned(after(LABEL), PACK, '96385074');
  expect(found).toMatchObject({ next: 'ask-server', said: { level: 'error', sound: 'error' } });
  expect(found.draft.quantity).toBe(12 * ONE);
});

test('another item while scans are unbooked asks for the same scan again', () => {
  const asked = scanned(after(LABEL), PACK, '4006381333931');
  expect(asked.said.level).toBe('ask');
  expect(asked.draft.lineId).toBe('l1');
  expect(scanned(asked.draft, PACK, '4006381333931').draft).toMatchObject({
    lineId: 'l2',
    quantity: ONE,
  });
});

test('another lot of the same goods is another receipt', () => {
  expect(scanned(after(LABEL), PACK, `01${GTIN}1727123110L-8`).said.level).toBe('ask');
});

test('a bin before the verdict is kept in mind and booked with the verdict', () => {
  const early = scanned(after(LABEL), PACK, 'A-02');
  expect(early).toMatchObject({ next: '', said: { level: 'ask' }, draft: { bin: 'A-02' } });
  const looked = { ...passed(early.draft, row(0)), checks: { box: 'ok', temp: '4' } };
  expect(missing(looked, row(0), PACK.today)).toEqual([]);
});

test('合格 answers yes and no, but never what must be measured', () => {
  const draft = passed(after(LABEL), row(0));
  expect(draft.checks).toEqual({ box: 'ok' });
  expect(missing(draft, row(0), PACK.today)).toEqual(['checks', 'bin']);
});

test('all rejected needs a reason and no bin; part rejected needs both and every check', () => {
  const all = failed(after(LABEL), row(0));
  expect(missing(all, row(0), PACK.today)).toEqual(['reason']);
  const part = { ...failed(after(LABEL, LABEL), row(0), 12 * ONE), reason: '漏液' };
  expect(missing(part, row(0), PACK.today)).toEqual(['checks', 'bin']);
  expect(facts({ ...part, bin: 'A-01' }, row(0))).toMatchObject({
    quantity: '24',
    accepted: '12',
    rejected: '12',
    bin: 'A-01',
  });
  expect(facts({ ...all, reason: '漏液' }, row(0))).toMatchObject({
    accepted: '0',
    rejected: '12',
    bin: '',
  });
});

test('expired goods can only be rejected', () => {
  const draft = passed(after(`01${GTIN}1726010110L-7`), row(0));
  expect(missing(draft, row(0), PACK.today)).toContain('expired');
  expect(missing({ ...failed(draft, row(0)), reason: '过期' }, row(0), PACK.today)).toEqual([]);
});

test('more than ordered warns and needs a reason; an agreed percentage does not', () => {
  const draft = { ...after('4006381333931'), quantity: 25 * ONE, bin: 'A-01' };
  expect(missing(draft, row(1), PACK.today)).toEqual(['overReason']);
  expect(missing(draft, { ...row(1), over_percent: 5 }, PACK.today)).toEqual([]);
  expect(scanned({ ...draft, quantity: 24 * ONE }, PACK, '4006381333931').said.code).toBe(
    'over_order',
  );
});

test('a serial counts once, and a label without one counts nothing', () => {
  const one = after(`01${SERIAL_GTIN}21S-1`);
  expect(one.serials).toEqual(['S-1']);
  expect(scanned(one, PACK, `01${SERIAL_GTIN}21S-1`)).toMatchObject({
    said: { code: 'serial_again' },
    draft: { quantity: ONE },
  });
  expect(scanned(one, PACK, SERIAL_GTIN).said.code).toBe('serial_missing');
});

test('bad serials are named', () => {
  const two = after(`01${SERIAL_GTIN}21S-1`, `01${SERIAL_GTIN}21S-2`);
  const bad = toggled(failed(two, row(2)), 'S-1');
  expect(bad).toMatchObject({ badSerials: ['S-2'], rejected: ONE });
  expect(facts(bad, row(2))).toMatchObject({ rejected_serials: ['S-2'], serials: ['S-1', 'S-2'] });
});

test('the bin books, and the pack goes on as if it were booked', () => {
  const found = scanned(after('4006381333931'), PACK, 'A-01');
  expect(found.next).toBe('book');
  expect(booked(PACK, found.draft).lines[1]).toMatchObject({ received: '1', open: '23' });
});

test('a bin that is not in a full list is no bin; in a list that was cut it is asked for twice', () => {
  expect(scanned(after('4006381333931'), PACK, 'Z-99').next).toBe('ask-server');
  const cut = { ...PACK, bins: { codes: ['A-01'], complete: false } };
  const asked = scanned(after('4006381333931'), cut, 'Z-99');
  expect(asked.said.level).toBe('ask');
  expect(scanned(asked.draft, cut, 'Z-99').next).toBe('book');
});

test('our own printed labels count and shelve like any other', () => {
  const draft = after('J1:II-l1:LL-9:M20260101:E20271231:N6');
  expect(draft).toMatchObject({ quantity: 6 * ONE, lot: 'L-9', madeOn: '2026-01-01' });
  expect(draft.useBy).toBe('2027-12-31');
  expect(scanned(after('J1:II-l2'), PACK, ']Q1J1:PA-02')).toMatchObject({
    next: 'book',
    draft: { bin: 'A-02' },
  });
});
