// The browser reads labels as the server does: both are held to the same vectors.
import { expect, test } from 'vitest';
import text from '../../../tests/client_vectors/gs1.json?raw';
import { fieldOf, identifiers } from './gs1-fields.ts';
import { read, useBy, type Expected, type Reading } from './gs1.ts';

interface Vector {
  raw: string;
  symbology: string | null;
  expected: Expected;
  reading: Reading;
}
interface Document {
  readings: Vector[];
  probes: string[];
  fields: { [ai: string]: (number | null)[] };
}

const shared = JSON.parse(text) as Document;

test('every shared label is read as the server reads it', () => {
  expect(shared.readings.length).toBeGreaterThan(300);
  const wrong = shared.readings
    .map((each) => ({ ...each, found: read(each.raw, each.symbology, each.expected) }))
    .filter((each) => inOrder(each.found) !== inOrder(each.reading));
  expect(wrong.slice(0, 5)).toEqual([]);
});

/** The same keys in the same order, whatever made them. */
function inOrder(reading: Reading): string {
  const labels = reading.labels.map((label) => Object.entries(label).sort());
  return JSON.stringify([reading.code, reading.odd_keyboard, labels]);
}

test('every application identifier takes as much as the standard gives it', () => {
  expect(identifiers()).toEqual(Object.keys(shared.fields).sort());
  const found: Document['fields'] = {};
  for (const ai of Object.keys(shared.fields)) {
    found[ai] = shared.probes.map((probe) => fieldOf(ai + probe)?.value.length ?? null);
  }
  expect(found).toEqual(shared.fields);
});

test('the day it must not go out after is the expiry, else best before', () => {
  const label = read('010703562005216315261231').labels[0];
  expect(label && useBy(label)).toBe('2026-12-31');
});

test('hostile text is given up in time and never throws', () => {
  const hostile = ['10'.repeat(45), '21'.repeat(45), '01'.repeat(40), ']C1' + '30'.repeat(43),
    '(01', 'https://', '\u0000', '\ud800', ']d2\u001d', '(01)(10)'];
  const began = Date.now();
  hostile.forEach((each) => expect(read(each, null, { today: '2026-03-02' }).labels.length)
    .toBeLessThanOrEqual(6));
  expect(Date.now() - began).toBeLessThan(5_000);
});
