// Scans as devices really send them: keys, injected text, both, a gun with Alt stuck, fingers.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createScanBus, makeCatcher, type Scan } from './scanbus.ts';
import { FakeClock } from './testing/clock.ts';

const MILK = ']C1010703562005216310A1\u001d17260630';
let clock: FakeClock;
let scans: Scan[];
let catcher: HTMLInputElement;
let bus: ReturnType<typeof createScanBus>;
let stop: () => void;

beforeEach(() => {
  document.body.innerHTML = '<button id="go">收货</button><input id="note"><textarea id="long">'
    + '</textarea><input id="badge" data-scan="own">';
  clock = new FakeClock();
  scans = [];
  bus = createScanBus({ clock, stamp: () => clock.now() });
  bus.hear((scan) => scans.push(scan));
  catcher = makeCatcher(document);
  stop = bus.attach(catcher);
});
afterEach(() => stop());

function node(id: string): HTMLInputElement {
  return document.getElementById(id) as HTMLInputElement;
}

interface Press { on?: HTMLElement; gap?: number; suffix?: string; init?: KeyboardEventInit;
  both?: boolean }

/** A wedge (or fingers) on the keyboard; `both`: the text arrives in the field as well. */
function press(code: string, { on = catcher, gap = 5, suffix = 'Enter', init = {}, both = false }:
Press = {}): KeyboardEvent | null {
  for (const character of code) {
    const control = character === '\u001d';
    const shown = control ? { key: ']', ctrlKey: true } : { key: character };
    const all = { ...shown, bubbles: true, cancelable: true, ...init };
    const event = new KeyboardEvent('keydown', all);
    on.dispatchEvent(event);
    const isField = on instanceof HTMLInputElement || on instanceof HTMLTextAreaElement;
    if (!event.defaultPrevented && !control && isField && (both || on !== catcher)) {
      on.value += character;
      on.dispatchEvent(new InputEvent('input', { data: character, bubbles: true }));
    }
    clock.pass(gap);
  }
  if (!suffix) return null;
  const end = new KeyboardEvent('keydown', { key: suffix, bubbles: true, cancelable: true });
  on.dispatchEvent(end);
  return end;
}

/** An input method commits the whole code at once. */
function inject(code: string): void {
  catcher.value += code;
  catcher.dispatchEvent(new InputEvent('input', { data: code, bubbles: true }));
}

const codes = (): string[] => scans.map((scan) => scan.code);

test('a wedge with Enter is one scan, heard at once, with its rhythm', () => {
  press('PO-2026-0001');
  expect(scans).toEqual([
    { code: 'PO-2026-0001', channel: 'keys', ms: 55, at: clock.now(), odd: false },
  ]);
});

test('Tab ends a scan too and does not move the focus', () => {
  expect(press('A-03-2', { suffix: 'Tab' })?.defaultPrevented).toBe(true);
  expect(codes()).toEqual(['A-03-2']);
});

test('a wedge without a suffix is ended by 100 ms of silence', () => {
  press('A-03-2', { suffix: '' });
  clock.pass(94);
  expect(codes()).toEqual([]);
  clock.pass(10);
  expect(codes()).toEqual(['A-03-2']);
});

test('two scans without a suffix that a busy page hears at one go are two', () => {
  stop();
  let at = 0; // the hardware's time goes on while the page's timers wait
  bus = createScanBus({ clock, stamp: () => at });
  bus.hear((scan) => scans.push(scan));
  stop = bus.attach(catcher);
  for (const code of ['A-03-2', 'B-01-1']) {
    for (const key of code) {
      catcher.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      at += 5;
    }
    at += 150;
  }
  const late = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true });
  catcher.dispatchEvent(late);
  expect(codes()).toEqual(['A-03-2', 'B-01-1']);
  expect(late.defaultPrevented, 'that Enter was pressed by somebody').toBe(false);
});

test('without a suffix 35 ms per character is a scan, 40 ms are fingers', () => {
  press('4006381333931', { gap: 35, suffix: '' });
  clock.pass(200);
  press('7035620052163', { gap: 40, suffix: '' });
  clock.pass(200);
  expect(codes()).toEqual(['4006381333931']);
});

test('a gun with a delay of 90 ms between characters and Enter is still a scan', () => {
  press('A-03-2', { gap: 90 });
  expect(codes()).toEqual(['A-03-2']);
});

test('slow typing with Enter is no scan, on either channel', () => {
  press('A-03-2', { gap: 120, both: true });
  clock.pass(500);
  expect(codes()).toEqual([]);
});

test('three characters are no scan', () => {
  press('A-3');
  expect(codes()).toEqual([]);
});

test('a gun that sets Alt on every key is heard', () => {
  press('A-03-2', { init: { altKey: true } });
  expect(codes()).toEqual(['A-03-2']);
});

test('shortcuts of the browser are not characters', () => {
  press('abcdef', { init: { ctrlKey: true } });
  press('abcdef', { init: { metaKey: true } });
  expect(codes()).toEqual([]);
});

test('a finger that rests on a key is no scan', () => {
  press('a', { gap: 30, suffix: '' });
  press('aaaaaaaaaa', { gap: 30, suffix: '', init: { repeat: true } });
  clock.pass(200);
  expect(codes()).toEqual([]);
});

test('injected text is a scan after 100 ms, or at its Enter', () => {
  inject('PO-2026-0001');
  clock.pass(110);
  inject('A-03-2');
  press('', {});
  expect(scans.map((scan) => [scan.code, scan.channel])).toEqual([
    ['PO-2026-0001', 'text'], ['A-03-2', 'text'],
  ]);
  expect(catcher.value).toBe('');
});

test('text that an input method is still composing is waited for', () => {
  catcher.value = 'PO-2';
  catcher.dispatchEvent(new InputEvent('input', { isComposing: true }));
  clock.pass(300);
  catcher.value = 'PO-2026-0001';
  catcher.dispatchEvent(new Event('compositionend'));
  clock.pass(110);
  expect(codes()).toEqual(['PO-2026-0001']);
});

test('both channels firing for one pull is one scan, with and without a suffix', () => {
  press('4354210', { both: true });
  clock.pass(500);
  press('9876543', { both: true, suffix: '' });
  clock.pass(500);
  expect(codes()).toEqual(['4354210', '9876543']);
});

test('a late twin, behind the next scan, is still dropped', () => {
  press('4354210');
  clock.pass(60);
  press('9876543');
  inject('4354210');
  press('', {});
  expect(codes()).toEqual(['4354210', '9876543']);
});

test('ten identical scans in two seconds are ten', () => {
  for (let i = 0; i < 10; i += 1) {
    const began = clock.now();
    press('4006381333931');
    clock.pass(200 - (clock.now() - began));
  }
  expect(scans).toHaveLength(10);
});

test('ten identical scans in two seconds are ten when both channels fire', () => {
  for (let i = 0; i < 10; i += 1) {
    const began = clock.now();
    press('4006381333931', { both: true });
    clock.pass(200 - (clock.now() - began));
  }
  clock.pass(500);
  expect(scans).toHaveLength(10);
});

test('fifty scans at five a second, back to back codes, are fifty', () => {
  const expected = Array.from({ length: 50 }, (_, i) => `69012345678${10 + i}`);
  expected.forEach((code) => {
    const began = clock.now();
    press(code, { both: true });
    clock.pass(200 - (clock.now() - began));
  });
  clock.pass(500);
  expect(codes()).toEqual(expected);
});

test('two scans 20 ms apart do not flow together in the text channel', () => {
  press('4354210', { both: true });
  clock.pass(20);
  press('9876543', { both: true });
  clock.pass(500);
  expect(codes()).toEqual(['4354210', '9876543']);
});

test('keys an input method took are not guessed: the text has all of it', () => {
  press('PO', { init: { key: 'Process', keyCode: 229 } as KeyboardEventInit, suffix: '' });
  press('-2026-0001', { suffix: '' });
  inject('PO-2026-0001');
  press('', {});
  clock.pass(300);
  expect(codes()).toEqual(['PO-2026-0001']);
});

test('separators and symbology prefix stay, and a channel that lost them is still a twin', () => {
  press(MILK, { both: true });
  clock.pass(500);
  expect(codes()).toEqual([MILK]);
});

test('a Chinese keyboard in the way is flagged', () => {
  inject('你好1234');
  clock.pass(110);
  expect(scans[0]).toMatchObject({ code: '你好1234', odd: true });
});

test('what a person types into a field is never touched', () => {
  const input = new Set<string>();
  node('note').addEventListener('input', () => input.add(node('note').value));
  const end = press('包装破损 3 箱', { on: node('note'), gap: 110 });
  press('quick', { on: node('long'), gap: 20 });
  clock.pass(500);
  expect(node('note').value).toBe('包装破损 3 箱');
  expect(node('long').value).toBe('quick');
  expect(end?.defaultPrevented).toBe(false);
  expect(codes()).toEqual([]);
});

test('a burst that lands in a field is taken out of it and is a scan', () => {
  node('note').value = '3 箱';
  const end = press('4006381333931', { on: node('note') });
  expect(node('note').value).toBe('3 箱');
  expect(end?.defaultPrevented).toBe(true);
  expect(codes()).toEqual(['4006381333931']);
});

test('a field that wants scans for itself keeps them', () => {
  press('BADGE-0042', { on: node('badge') });
  expect(node('badge').value).toBe('BADGE-0042');
  expect(codes()).toEqual([]);
});

test('a scan while a button has the focus presses nothing', () => {
  let pressed = 0;
  node('go').addEventListener('keydown', (event) => {
    if (!event.defaultPrevented && /^( |Enter)$/.test(event.key)) pressed += 1;
  });
  press('BIN 12 A', { on: node('go') });
  expect(codes()).toEqual(['BIN 12 A']);
  expect(pressed).toBe(0);
  press('', { on: node('go') });
  expect(pressed).toBe(1);
});

test('a shell and the camera are channels of the same stream', () => {
  const page = window as unknown as { __pdaScan: (code: string) => void };
  page.__pdaScan('PO-2026-0001');
  press('PO-2026-0001');
  bus.inject('A1');
  expect(scans.map((scan) => [scan.code, scan.channel])).toEqual([
    ['PO-2026-0001', 'shell'], ['A1', 'camera'],
  ]);
});

test('the catcher has the focus on mount and after a blur, never while somebody types', () => {
  expect(document.activeElement).toBe(catcher);
  node('go').focus();
  clock.pass(60);
  expect(document.activeElement).toBe(catcher);
  node('note').focus();
  clock.pass(500);
  expect(document.activeElement).toBe(node('note'));
  node('note').blur();
  clock.pass(60);
  expect(document.activeElement).toBe(catcher);
});

test('the catcher opens no keyboard and is a real text field', () => {
  expect([catcher.type, catcher.getAttribute('inputmode'), catcher.readOnly])
    .toEqual(['text', 'none', false]);
});

test('after stop nothing is heard', () => {
  stop();
  press('4006381333931');
  inject('4006381333931');
  clock.pass(300);
  expect(codes()).toEqual([]);
  expect('__pdaScan' in window).toBe(false);
});
