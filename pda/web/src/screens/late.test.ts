// A screen that was opened without a network gets its pack later, and is then as if it had been
// there at once.
import { beforeAll, expect, test } from 'vitest';
import { live, wire } from '../state/live.ts';
import PackScreen from './PackScreen.vue';
import PutawayScreen from './PutawayScreen.vue';
import ReturnScreen from './ReturnScreen.vue';
import { LIDS, lids, takeGun, until, type Gun } from './testing.ts';

let gun: Gun;
beforeAll(async () => {
  gun = await takeGun();
});

async function late(open: () => Promise<unknown>): Promise<void> {
  gun.floor.reachable = false;
  gun.floor.cut();
  await until(() => live.link === 'offline');
  await open();
  gun.floor.reachable = true;
  wire.connect();
  await until(() => gun.shows().includes('杯盖'), () => gun.shows());
}

test('a putaway whose pack comes late is of all the goods, not of none', async () => {
  const row = { id: 'r1', lot: '', expires_on: '', quantity: '3', version: '0', bins: [] };
  const all_bins = { codes: ['A-01'], complete: true };
  gun.floor.pack = () => ({ ...lids, ...row, goods: lids, all_bins });
  await late(() => gun.open(PutawayScreen, { work: 'T1' }));
  expect(gun.shows()).toContain('3 只');
  await gun.scan('A-01');
  await gun.says('3 只');
  await gun.settled();
  expect(gun.booked().map((each) => each.inputs.quantity)).toEqual(['3']);
});

test('goods that wait no longer when the pack comes late are in no open box', async () => {
  const sale = { id: 's', code: 'XS-1', version: '0', customer: '青禾', carrier: '顺丰' };
  const order = (quantity: string): object => {
    const lines = [{ ...lids, lot: '', quantity }];
    return { sale: { ...sale, state: 'picked', note: '' }, lines, boxes: [] };
  };
  gun.floor.pack = () => order('2');
  await gun.open(PackScreen, { work: 'sale:s' });
  await gun.scan(LIDS);
  await gun.scan(LIDS);
  await gun.says('箱里 2');
  gun.leave();
  const { dropPack } = await import('../state/packs.ts');
  await dropPack('pack/sale:s');
  gun.floor.pack = () => order('1'); // the desk cut it meanwhile
  await late(() => gun.open(PackScreen, { work: 'sale:s' }));
  expect(gun.shows()).toContain('0 / 1 只');
});

test('a return whose order is not here yet says so, and takes the goods once it is', async () => {
  const sale = { id: 's1', code: 'XS-1', customer: '青禾' };
  const line = { ...lids, id: 'l1', lot: '', quantity: '1', version: '0' };
  gun.floor.pack = () => ({ sale, lines: [line], conditions: [{ key: 'good', label: '完好' }] });
  await late(async () => {
    await gun.open(ReturnScreen, { work: 'sale:s1' });
    await gun.scan(LIDS);
    await gun.says('error: 这项作业的资料还不在枪上');
  });
  await gun.scan(LIDS);
  await gun.says('杯盖 1 只');
});
