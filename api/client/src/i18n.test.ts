// Two languages, one set of keys; what is missing does not compile.
import { beforeEach, expect, test } from 'vitest';
import { makeI18n } from './i18n.ts';

const tables = {
  'zh-CN': { left: '还剩 {n} 箱，{who} 在等', hello: '收货' },
  en: { left: '{n} boxes left, {who} waits', hello: 'Receive' },
} as const;

beforeEach(() => localStorage.clear());

test('Chinese first; parameters go where they belong', () => {
  const say = makeI18n(tables);
  expect([say.t('hello'), say.t('left', { n: 3, who: '张三' })])
    .toEqual(['收货', '还剩 3 箱，张三 在等']);
});

test('the language is switched, told, and remembered', () => {
  const say = makeI18n(tables);
  const heard: string[] = [];
  const stop = say.onLang((lang) => heard.push(lang));
  say.setLang('en');
  stop();
  say.setLang('zh-CN');
  say.setLang('en');
  expect(heard).toEqual(['en']);
  expect(makeI18n(tables).t('left', { n: 1, who: 'Li' })).toBe('1 boxes left, Li waits');
});

test('a sentence of the server is picked in the chosen language', () => {
  const say = makeI18n(tables);
  expect(say.pick({ text: '没入账', en: 'Not posted' })).toBe('没入账');
  say.setLang('en');
  expect(say.pick({ text: '没入账', en: 'Not posted' })).toBe('Not posted');
  expect(say.pick({ text: '没入账', en: '' })).toBe('没入账');
});

test('values are text, never markup or patterns', () => {
  const say = makeI18n(tables);
  expect(say.t('left', { n: '$&{who}', who: '<b>' })).toBe('还剩 $&{who} 箱，<b> 在等');
});

test('what is missing is a type error (npm run typecheck reads these)', () => {
  const say = makeI18n(tables);
  // @ts-expect-error no such key
  expect(() => say.t('nothing')).toThrow();
  // @ts-expect-error a parameter is missing
  say.t('left', { n: 1 });
  // @ts-expect-error parameters are missing
  say.t('left');
  // @ts-expect-error English lacks a key
  makeI18n({ 'zh-CN': { a: '甲', b: '乙' }, en: { a: 'A' } });
});
