// The one-tap form: what may be touched, what changed, what opens it.
import { expect, test } from 'vitest';
import { change, changes, editorOf, openInputs, touched, type Field, type Form } from './urgent.ts';

function field(key: string, value: string, more: Partial<Field> = {}): Field {
  return {
    key,
    kind: 'text',
    label: key,
    label_en: key,
    required: true,
    changeable: true,
    value,
    text: value,
    source: 'missing',
    why: '缺 12 袋',
    why_en: '',
    guess: false,
    alternatives: [],
    ...more,
  };
}
const OTHER = { value: 'SJ', text: '松江冷链仓', why: '', why_en: '' };
const FORM: Form = {
  run_id: 'r1',
  title: '紧急调拨',
  title_en: '',
  fields: [
    field('from', 'SJ', { kind: 'warehouse', alternatives: [OTHER] }),
    field('unit', '箱', { kind: 'unit' }),
    field('quantity', '2', { kind: 'quantity', text: '2 箱' }),
    field('deadline', '2026-03-02', { kind: 'moment', changeable: false }),
  ],
  ready: true,
  sentence: '',
  sentence_en: '',
  told: [],
  climbs: [],
};

test('each field has its own way to be changed, and what a rule decides has none', () => {
  expect(FORM.fields.map(editorOf)).toEqual(['choice', '', 'number', '']);
  expect(editorOf(field('reason', ''))).toBe('text');
});

test('a quantity travels with its unit', () => {
  expect(change(FORM, 'quantity', '3')).toEqual({ quantity: '3', unit: '箱' });
  expect(change(FORM, 'from', 'ZJ')).toEqual({ from: 'ZJ' });
});

test('a form filled anew names what reads otherwise, and what a person set', () => {
  const anew = {
    ...FORM,
    fields: FORM.fields.map((each) =>
      each.key === 'quantity' ? { ...each, value: '1', text: '1 箱', source: 'person' } : each,
    ),
  };
  expect(changes(FORM, anew)).toEqual({ quantity: '2 箱' });
  expect(touched(anew).map((each) => each.key)).toEqual(['quantity']);
  expect(changes(FORM, FORM)).toEqual({});
});

test('only what the form understands is taken from an address', () => {
  expect(openInputs({ item: 'JL-1', missing: '12', place: '', evil: 'x', task_id: ['a'] })).toEqual({
    item: 'JL-1',
    missing: '12',
  });
});
