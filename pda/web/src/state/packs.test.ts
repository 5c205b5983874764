// Work packs on the device: which one goes when there are too many.
import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openPage, type Page } from '../testing/page.ts';

let it: Page;
let packs: typeof import('./packs.ts');

beforeEach(async () => {
  it = await openPage();
  packs = await import('./packs.ts');
});
afterEach(() => {
  it.live.wire.stop();
  vi.unstubAllGlobals();
});

test('the pack in use is not the one that goes, however much is looked up', async () => {
  await packs.keepPack('pick/T1', 'pick', { lines: [] });
  for (let n = 0; n < 70; n += 1) {
    await packs.keepPack(`place/P-${n}`, 'place', { place: `P-${n}` });
    expect(packs.hasPack('pick/T1')).toBe(true);
    await packs.keepPack('pick/T1', 'pick', { lines: [], n });
  }
  expect(packs.pack('pick/T1')).toEqual({ lines: [], n: 69 });
  expect(packs.hasPack('place/P-0')).toBe(false);
});
