// Work packs on the device: which goes when there are too many, and what a scan is worth without.
import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createApp, defineComponent, type App } from 'vue';
import { openPage, until, type Page } from '../testing/page.ts';

let it: Page;
let packs: typeof import('./packs.ts');
let scanner: typeof import('./scanner.ts');
let app: App | null = null;
let tones: number[] = [];
const OK = 1320;
const NO = 220;

/** The device's speaker: what it was made to sound. */
class Speaker {
  state = 'running';
  createGain = () => ({ gain: {}, connect: () => undefined });
  createOscillator() {
    const frequency = { value: 0 };
    return { frequency, connect: () => undefined, stop: () => undefined,
      start: () => void tones.push(frequency.value) };
  }
}

beforeEach(async () => {
  it = await openPage();
  packs = await import('./packs.ts');
  scanner = await import('./scanner.ts');
  scanner.startScanner();
  tones = [];
  vi.stubGlobal('AudioContext', Speaker);
  (await import('./sound.ts')).unlockSound();
});
afterEach(() => {
  if (app) app.unmount();
  app = null;
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

/** A screen that needs the pack of task T1; what it counts. */
function openScreen(): string[] {
  const counted: string[] = [];
  const Screen = defineComponent({
    setup() {
      const { renew } = packs.usePack('pick/T1', 'pick', { task_id: 'T1' });
      scanner.onScanWhen(
        () => packs.hasPack('pick/T1'),
        (code) => void counted.push(code),
      );
      void renew();
      return () => null;
    },
  });
  app = createApp(Screen);
  app.mount(document.createElement('div'));
  return counted;
}
const band = async () => (await import('./feedback.ts')).band.said;

async function goOffline(): Promise<void> {
  it.server.reachable = false;
  it.server.cut();
  await until(() => it.live.live.link === 'offline');
}

test('without its pack and a network a scan is refused aloud, not kept for nobody', async () => {
  await goOffline();
  const counted = openScreen();
  scanner.bus.inject('A-01');
  expect(await band()).toMatchObject({ level: 'error', code: 'no_pack' });
  expect(tones.every((each) => each === NO) && tones.length).toBeTruthy();
  it.server.reachable = true;
  it.live.wire.connect();
  await until(() => packs.hasPack('pick/T1')); // asked for again by itself
  expect(counted).toEqual([]); // it sounded no: it does not count after all
  scanner.bus.inject('A-02');
  expect(counted).toEqual(['A-02']);
});

test('while the pack is on its way a scan waits, and counts when it is there', async () => {
  const counted = openScreen();
  scanner.bus.inject('A-01');
  expect([tones, counted]).toEqual([[OK], []]);
  await until(() => counted.length);
  expect(counted).toEqual(['A-01']);
});

test('the pack does not come after all: what waited for it is refused aloud', async () => {
  const counted = openScreen();
  scanner.bus.inject('A-01');
  await goOffline();
  await until(async () => (await band())?.code === 'no_pack');
  expect(tones.pop()).toBe(NO);
  expect(counted).toEqual([]);
});
