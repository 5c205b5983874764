// Work that was done, undone and done again on one scanner: the second time is told too, and until
// it is nothing is shown as done.
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { refusal, reply } from '@jieli/client/testing/ops';
import { shelf } from '../state/live.ts';
import PickScreen from './PickScreen.vue';
import PutawayScreen from './PutawayScreen.vue';
import ReturnScreen from './ReturnScreen.vue';
import { LIDS, lids, takeGun, until, type Gun } from './testing.ts';
import TransferScreen from './TransferScreen.vue';

const BEFORE = 'ask: 这一步以前记过一次，这次没有再记';
let gun: Gun;
beforeAll(async () => {
  gun = await takeGun();
});
beforeEach(() => {
  gun.floor.effects = [];
  gun.floor.answer = (frame) => reply(frame.id, { flow: 'none', data: null });
});

/** Late work that the books refuse; the supervisor says: the books are right, put it back. */
function booksAreRight(): void {
  const conflict = { task_id: 't-9', mine: '现场', server: '系统' };
  gun.floor.answer = (frame) => refusal(frame.id, 'not_enough', { conflict });
}
function nowTheyTakeIt(): void {
  gun.floor.answer = (frame) => reply(frame.id, { flow: 'none', data: null });
}

test('a stop whose pick was decided against is picked again', async () => {
  const stop = { ...lids, id: 'l1', step: 1, version: 'open:0', bin: 'A-01', lot: '' };
  const line = { ...stop, expires_on: '', quantity: '1', picked: '0', state: 'open' };
  const wave = { id: 'w1', code: 'BC-01', version: '1.0', carrier: '顺丰', cut_off: null };
  gun.floor.pack = () => ({ wave, lines: [{ ...line, order_code: 'XS-1' }], short_reasons: [] });
  booksAreRight();
  await gun.open(PickScreen, { work: 'T1' });
  await gun.scan('A-01');
  await gun.scan(LIDS);
  await gun.says('杯盖 1');
  await gun.settled();
  nowTheyTakeIt();
  await gun.open(PickScreen, { work: 'T1' });
  await gun.scan('A-01');
  await gun.says('库位 A-01 对');
  await gun.scan(LIDS);
  await gun.says(BEFORE);
  expect(gun.shows()).not.toContain('这一波拣完了');
  await gun.tap('记 1');
  await gun.says('杯盖 1');
  await gun.settled();
  expect(gun.booked().map((each) => each.inputs.line_id)).toEqual(['l1']);
  await until(() => gun.shows().includes('这一波拣完了'));
});

test('goods whose putaway was decided against are put away again', async () => {
  const row = { id: 'r1', lot: '', expires_on: '', quantity: '3', version: '0', bins: [] };
  const all_bins = { codes: ['A-01'], complete: true };
  gun.floor.pack = () => ({ ...lids, ...row, goods: lids, all_bins });
  booksAreRight();
  await gun.open(PutawayScreen, { work: 'T2' });
  await gun.scan('A-01');
  await gun.says('已记录');
  await gun.settled();
  nowTheyTakeIt();
  await gun.open(PutawayScreen, { work: 'T2' });
  await gun.scan('A-01');
  await gun.says(BEFORE);
  await gun.scan('A-01');
  await gun.says('已记录：杯盖 3 只 到 A-01');
  await gun.settled();
  expect(gun.booked().map((each) => each.inputs.bin)).toEqual(['A-01']);
});

test('a return that was decided against is taken back again', async () => {
  const sale = { id: 's1', code: 'XS-1', customer: '青禾' };
  const line = { ...lids, id: 'l1', lot: '', quantity: '1', version: '0' };
  gun.floor.pack = () => ({ sale, lines: [line], conditions: [{ key: 'good', label: '完好' }] });
  async function takeBack(): Promise<void> {
    await gun.open(ReturnScreen, { work: 'sale:s1' });
    await gun.scan(LIDS);
    await gun.says('杯盖 1 只');
    await gun.tap('完好');
    await gun.tap('不要了');
    await gun.tap('收回 1');
  }
  booksAreRight();
  await takeBack();
  await gun.says('已记录');
  await gun.settled();
  nowTheyTakeIt();
  await takeBack();
  await gun.says(BEFORE);
  expect(gun.shows()).toContain('1 / 1 只');
  await gun.tap('收回 1');
  await gun.says('已记录：收回 杯盖 1 只');
  await gun.settled();
  expect(gun.booked()).toHaveLength(1);
});

test('a move that was recorded before is not said to be recorded again', async () => {
  gun.floor.pack = () => null;
  const draft = { from: 'A-01', itemCode: 'JL-201', itemName: '杯盖', unit: '只', tracking: 'none' };
  const kept = { ...draft, lot: '', quantity: 2_000_000, serials: [], to: '', op: 'p-move-0001' };
  await shelf.put('pack', 'place/B-01', { flow: 'place', data: {} });
  async function move(): Promise<void> {
    await shelf.put('draft', 'transfer', kept); // the battery died before the screen could forget it
    await gun.open(TransferScreen);
    await gun.scan('B-01');
  }
  const { loadPacks } = await import('../state/packs.ts');
  await loadPacks();
  await move();
  await gun.says('已记录：杯盖 2 只 到 B-01');
  await gun.settled();
  await move();
  await gun.says(BEFORE);
  await gun.scan('B-01');
  await gun.says('已记录：杯盖 2 只 到 B-01');
  await gun.settled();
  expect(gun.booked()).toHaveLength(2);
});
