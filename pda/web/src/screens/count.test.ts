// Counting on the device: a place that is counted again, by anybody, is another count.
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { shelf } from '../state/live.ts';
import CountScreen from './CountScreen.vue';
import { LIDS, lids, takeGun, type Gun } from './testing.ts';

const SHEET = {
  count_id: 'C1',
  left: 1,
  goods: [lids],
  bins: { codes: ['A-01'], complete: true },
  sheet: [{ place: 'A-01', item_code: 'JL-201', item_name: '杯盖', lot: '', state: 'open' }],
};
let gun: Gun;
beforeAll(async () => {
  gun = await takeGun();
});
beforeEach(() => {
  gun.floor.effects = [];
  gun.floor.pack = () => SHEET;
});

async function countOne(task: string): Promise<void> {
  await gun.open(CountScreen, { work: task });
  await gun.scan('A-01');
  await gun.says('盘 A-01');
  await gun.scan(LIDS);
  await gun.says('数到 1');
  await gun.tap('盘完这格');
  await gun.says('A-01');
  await gun.settled();
}

test('a second counter on the same scanner who finds the same number is heard', async () => {
  await countOne('T1-count');
  await gun.signIn('BADGE-ZHANG');
  await countOne('T2-recount');
  expect(gun.booked().map((each) => [each.by, each.action])).toEqual([
    [5, 'place'],
    [6, 'place'],
  ]);
});

test('the recount is handed in too, though the count was handed in from this scanner', async () => {
  await countOne('T3');
  await gun.tap('提交盘点');
  await gun.says('ok: 已记录：提交盘点。');
  await countOne('T4');
  await gun.tap('提交盘点');
  await gun.says('ok: 已记录：提交盘点。');
  await gun.settled();
  expect(gun.booked().map((each) => each.action)).toEqual([
    'place',
    'finish',
    'place',
    'finish',
  ]);
});

test('what was recorded before is not said to be saved, and one more tap records it', async () => {
  await countOne('T5');
  const one = { itemCode: 'JL-201', itemName: '杯盖', unit: '只', lot: '', quantity: 1_000_000 };
  await shelf.put('draft', 'count/T5', {
    place: 'A-01', // the battery died before the screen could forget it
    tallies: [{ ...one, serials: [] }],
    scans: 1,
    strange: [],
    again: '',
    round: 0,
  });
  await gun.open(CountScreen, { work: 'T5' });
  await gun.tap('盘完这格');
  await gun.says('ask: 这一步以前记过一次，这次没有再记');
  expect(gun.shows()).toContain('杯盖');
  await gun.tap('盘完这格');
  await gun.says('ok: 已记录：A-01');
  await gun.settled();
  expect(gun.booked()).toHaveLength(2);
});
