// The sentences: each key once over the files of a language, the same keys in both.
import { expect, test } from 'vitest';
import { en } from './en.ts';
import { zh } from './zh.ts';

const words = import.meta.glob('./*.ts', { eager: true, query: '?raw', import: 'default' });

function keysOf(language: string): string[] {
  const texts = Object.keys(words).filter((path) => path.indexOf(`./${language}`) === 0);
  const all = texts.map((path) => words[path] as string).join('\n');
  return all.match(/^ {2}\w+(?=:)/gm) || [];
}
const holes = (sentence: string): string[] => (sentence.match(/\{\w+\}/g) || []).sort();

test('no key is written twice: the second would silently stand for the first', () => {
  for (const language of ['zh', 'en']) {
    const keys = keysOf(language);
    expect(keys.length).toBeGreaterThan(200);
    expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
  }
});

test('both languages know the same keys', () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
});

test('English asks for nothing that Chinese is not given', () => {
  const chinese: { [key: string]: string } = zh;
  const more = Object.entries(en as { [key: string]: string }).filter(([key, said]) =>
    holes(said).some((hole) => holes(chinese[key]!).indexOf(hole) < 0),
  );
  expect(more).toEqual([]);
});
