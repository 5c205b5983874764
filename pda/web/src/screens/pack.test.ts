// Packing on the device: a box that was opened again is packed again, and nothing is said to be done
// that is not.
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { reply } from '@jieli/client/testing/ops';
import type { Pack } from '../flows/pack.ts';
import PackScreen from './PackScreen.vue';
import { LIDS, lids, takeGun, until, type Gun } from './testing.ts';

const cups = { ...lids, lot: '', quantity: '1' };
const sale = { customer: '青禾', carrier: '顺丰', state: 'picked', note: '' };
function waits(id: string, version: string, quantity = '1'): Pack {
  const lines = quantity === '0' ? [] : [{ ...cups, quantity }];
  return { sale: { ...sale, id, code: `XS-${id}`, version }, lines, boxes: [] };
}
function closed(id: string, version: string): Pack {
  const box = { code: `XS-${id}-1`, state: 'packed' as const, weight: '0' };
  return { ...waits(id, version, '0'), boxes: [box] };
}

let gun: Gun;
let now: Pack;
beforeAll(async () => {
  gun = await takeGun();
});
beforeEach(() => {
  gun.floor.effects = [];
  gun.floor.pack = () => now;
  gun.floor.answer = (frame) => reply(frame.id, { flow: 'pack', data: now as never });
});

async function fill(id: string): Promise<void> {
  await gun.open(PackScreen, { work: `sale:${id}` });
  await gun.scan(LIDS);
  await gun.says('箱里 1');
}

test('a box that the desk opened again is packed again on the same scanner', async () => {
  now = waits('1', '0');
  await fill('1');
  now = closed('1', '1');
  await gun.tap('关箱');
  await gun.says('已记录：关箱 XS-1-1');
  await gun.settled();
  now = waits('1', '2'); // opened: what waits is as before, the version is not
  await fill('1');
  now = closed('1', '3');
  await gun.tap('关箱');
  await gun.says('已记录：关箱');
  await gun.settled();
  expect(gun.booked().map((each) => each.action)).toEqual(['close', 'close']);
});

test('what was told before leaves the box as it is: no goods are lost, one more tap tells it', async () => {
  now = waits('2', '0');
  await fill('2');
  await gun.tap('关箱');
  await gun.says('已记录：关箱 XS-2-1');
  await gun.settled();
  await fill('2'); // the books stand where they stood when this scanner told it
  await gun.tap('关箱');
  await gun.says('ask: 这一步以前记过一次，这次没有再记');
  expect(gun.shows()).toContain('1 / 1 只');
  expect(gun.shows()).not.toContain('待交接');
  now = closed('2', '1');
  await gun.tap('关箱');
  await gun.says('ok: 已记录：关箱');
  await gun.settled();
  expect(gun.booked()).toHaveLength(2);
  await until(() => gun.shows().includes('待交接'));
});
