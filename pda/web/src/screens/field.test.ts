// A code scanned while a field is being filled: what the screen does not know is what the field asks.
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { acknowledgeStop, band } from '../state/feedback.ts';
import PackScreen from './PackScreen.vue';
import ReceiveScreen from './ReceiveScreen.vue';
import { LIDS as SYRUP, lids, soon, takeGun, until, type Gun } from './testing.ts';

const syrup = { ...lids, item_code: 'JL-002', item_name: '黑糖浆', unit: '瓶', tracking: 'lot' };
let gun: Gun;
beforeAll(async () => {
  gun = await takeGun();
});
beforeEach(() => {
  gun.floor.effects = [];
  acknowledgeStop();
});
const field = (): HTMLInputElement | null => gun.page.querySelector('label.field input');

/** As a gun types: keys, letters in the field, Enter. */
async function typed(code: string): Promise<void> {
  const node = field()!;
  node.focus();
  for (const key of code) {
    node.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    node.value += key;
    node.dispatchEvent(new Event('input', { bubbles: true }));
  }
  node.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  await soon(120);
}

async function handOver(id: string): Promise<void> {
  const sale = { id, code: 'XS-1', customer: '青禾', carrier: '顺丰', state: 'packed' };
  const boxes = [{ code: 'XS-1-BOX1', state: 'packed', weight: '0' }];
  const pack = { sale: { ...sale, version: '1', note: '' }, lines: [], boxes };
  gun.floor.pack = (look) => (look.action === 'open' ? pack : { kind: 'unknown' });
  await gun.open(PackScreen, { work: `sale:${id}` });
  await until(field);
}

test('the waybill is scanned into its field, and a box label beside it is a box label', async () => {
  await handOver('s1');
  await typed('SF1234567890');
  expect(band.stop).toBeNull();
  await until(() => field()!.value === 'SF1234567890');
  await typed('XS-1-BOX1');
  await until(() => gun.shows().includes('已核对'));
  expect(field()!.value).toBe('SF1234567890');
  await gun.tap('交给承运商');
  await gun.says('交给顺丰');
  await gun.settled();
  expect(gun.booked()[0]!.inputs).toMatchObject({ tracking: 'SF1234567890' });
});

test('a waybill that an input method put into the field is kept without Enter', async () => {
  await handOver('s2');
  field()!.value = 'YT77 88';
  field()!.dispatchEvent(new Event('input', { bubbles: true }));
  await gun.scan('XS-1-BOX1');
  await gun.says('箱子齐了');
  expect(field()!.value).toBe('YT77 88');
  await gun.tap('交给承运商');
  await gun.says('交给顺丰');
  await gun.settled();
  expect(gun.booked()[0]!.inputs).toMatchObject({ tracking: 'YT77 88' });
});

test("a supplier's barcode of the lot fills the field of the lot; bins and goods stay what they are", async () => {
  const order = { id: 'o1', code: 'CG-1', supplier: '糖厂', warehouse: '张江', due_on: '' };
  const line = { ...syrup, id: 'l1', order_id: 'o1', order_code: 'CG-1', no: 1 };
  const lines = [{ ...line, ordered: '5', received: '0', open: '5', bins: [] }];
  const bins = { codes: ['A-01-0001'], complete: false };
  gun.floor.pack = () => ({ order, lines, bins, today: '2026-03-02' });
  await gun.open(ReceiveScreen, { work: 'T1' });
  await gun.scan(SYRUP);
  await until(field);
  await soon(350); // the same code by another way just now would be one scan
  await typed(SYRUP);
  await until(() => gun.shows().includes('2 瓶'));
  await typed('LOT20260301');
  await until(() => gun.shows().includes('批次 LOT20260301'));
  expect(field()).toBeNull();
  await gun.scan('A-01-0001');
  await gun.says('已记录：黑糖浆 2 瓶 到 A-01-0001');
  await gun.settled();
  expect(gun.booked()[0]!.inputs).toMatchObject({ lot: 'LOT20260301', bin: 'A-01-0001' });
});
