// The tokens keep their promise: readable in light and dark, the same twice, big enough for gloves.
// And the sources keep theirs: nothing that Chrome 66 or plain http lacks without a guard.
import { expect, test } from 'vitest';
import css from './tokens.css?raw';

type Tokens = { [name: string]: string };

/** The declarations of the first block whose head is `head`. */
function block(head: string): Tokens {
  const at = css.indexOf(head);
  expect(at, head).toBeGreaterThan(-1);
  const body = css.slice(css.indexOf('{', at) + 1, css.indexOf('}', at));
  const found: Tokens = {};
  body.replace(/(--[\w-]+):\s*([^;]+);/g, (_, name: string, value: string) => {
    found[name] = value;
    return '';
  });
  return found;
}

const light = block('\n:root {');
const dark = block(':root[data-theme="dark"]');
const system = block(':root:not([data-theme="light"])');

function luminance(hex: string): number {
  const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
  const [red, green, blue] = parts as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, two: string): number {
  const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

test.each([['light', light], ['dark', dark]])('%s: text is 7:1 on paper', (_, tokens) => {
  for (const name of ['ink', 'ink-2', 'accent', 'ok', 'warn', 'stop', 'info', 'hold']) {
    expect(contrast(tokens[`--${name}`] as string, tokens['--paper'] as string), name)
      .toBeGreaterThanOrEqual(7);
    expect(contrast(tokens[`--${name}`] as string, tokens['--surface'] as string), name)
      .toBeGreaterThanOrEqual(6);
  }
  expect(contrast(tokens['--on-accent'] as string, tokens['--accent'] as string))
    .toBeGreaterThanOrEqual(7);
});

test('dark by the system is dark by choice', () => {
  expect(system).toEqual(dark);
  expect(Object.keys(dark).every((name) => name in light)).toBe(true);
});

test('sizes fit gloves and eyes', () => {
  const px = (name: string): number => parseInt(light[name] as string, 10);
  expect(['--scan-body', '--scan-large', '--scan-huge'].map(px)).toEqual([20, 28, 40]);
  expect([px('--touch'), px('--touch-primary')]).toEqual([56, 64]);
  expect(light['--font']).toContain('Noto Sans SC');
  expect(css).toContain('tabular-nums');
});

const sources = import.meta.glob(['./*.ts', '!./*.test.ts', '!./types.ts'],
  { query: '?raw', import: 'default', eager: true }) as { [path: string]: string };

test('no source needs more than Chrome 66 on plain http', () => {
  const tooNew = new RegExp(['\\.(flat|flatMap|at|replaceAll|matchAll|findLast)\\(',
    'Object\\.(fromEntries|hasOwn)', 'allSettled', 'structuredClone', 'randomUUID',
    'crypto\\.subtle', '\\bBigInt\\b', 'queueMicrotask', 'globalThis', 'Promise\\.any',
    'WeakRef'].join('|'));
  expect(tooNew.test('x.at(1); Object.fromEntries([])')).toBe(true);
  expect(Object.keys(sources).length).toBeGreaterThan(20);
  const bare = (text: string): string => text.replace(/\/\/.*$|\/\*[^]*?\*\//gm, '');
  const found = Object.keys(sources).filter((path) => tooNew.test(bare(sources[path] as string)));
  expect(found).toEqual([]);
});
