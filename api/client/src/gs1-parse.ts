// GS1 text as the standard reads it: element strings, their printed form with brackets, and Digital
// Link addresses become fields; fields become a label. Pure. Repair and choosing are gs1.ts.

import { fieldOf, identifiers, type Element } from './gs1-fields.ts';
import { unquoted } from './gs1-own.ts';
import type { Label } from './gs1.ts';

const ONE = 1_000_000;
const DATED = ['11', '12', '13', '15', '16', '17', '4324', '4325', '4326', '7003', '7006', '7007',
  '7011', '8008'];

/** What may begin a Digital Link, and what may follow it, in this order. */
const LINK = new Map<string, string[]>([
  ['01', ['22', '10', '21', '235']], ['8006', ['22', '10', '21']], ['8013', []],
  ['8010', ['8011']], ['414', ['254', '7040']], ['415', ['8020']], ['417', ['7040']],
  ['8017', ['8019']], ['8018', ['8019']], ['255', []], ['00', []], ['253', []], ['401', []],
  ['402', []], ['8003', []], ['8004', ['7040']],
]);

export function checkDigitFits(digits: string): boolean {
  if (!/^\d{2,}$/.test(digits)) return false;
  let sum = 0;
  for (let at = digits.length - 2, weight = 3; at >= 0; at -= 1, weight = 4 - weight) {
    sum += Number(digits[at]) * weight;
  }
  return (10 - (sum % 10)) % 10 === Number(digits[digits.length - 1]);
}

/** As the standard says: a variable field runs to the next separator or the end. */
export function parse(body: string, year: number): Label | null {
  const elements: Element[] = [];
  let rest = trimmed(body);
  while (rest) {
    const element = fieldOf(rest);
    if (!element) return null;
    elements.push(element);
    rest = rest.slice(element.ai.length + element.value.length).replace(/^\u001d+/, '');
  }
  return labelOf(elements, year); // an impossible date costs the date, never the goods
}

/** The printed form: (01)…(10)… */
export function parseBracketed(body: string, year: number): Label | null {
  const text = body.split(SPACES).join('');
  const elements: Element[] = [];
  const each = /\((\d+)\)([^(]+)/g;
  for (let found = each.exec(text); found; found = each.exec(text)) {
    const [, ai, value] = found as unknown as [string, string, string];
    const element = identifiers().indexOf(ai) < 0 ? null : strict(ai + value, year);
    if (!element) return null;
    elements.push(element);
  }
  return elements.length ? labelOf(elements, year) : null;
}

/** https://…/01/GTIN/10/LOT?17=YYMMDD */
export function parseLink(body: string, year: number): Label | null {
  const found = /^https?:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i.exec(body.replace(/[\t\r\n]/g, ''));
  if (!found || /[[\]]/.test(found[1] as string)) return null;
  const path = (found[2] as string).split('/');
  while (path.length && !LINK.has(path[0] as string)) path.shift();
  if (!path.length || path.length % 2) return null;
  const parts = path.map((each) => unquoted(each));
  const texts: string[] = [];
  const primary = parts[0] as string;
  const expected = (LINK.get(primary) as string[]).slice();
  texts.push(primary + (primary === '01' ? zeros(parts[1] as string, 14) : parts[1]));
  for (let at = 2; at < parts.length; at += 2) {
    while (expected.length && expected[0] !== parts[at]) expected.shift();
    if (!expected.shift()) return null; // each one once, and in order
    texts.push((parts[at] as string) + (parts[at + 1] as string));
  }
  queryOf(found[3] ?? '').forEach((value, key) => {
    if (identifiers().indexOf(key) >= 0) texts.push(key + value);
  });
  const elements = texts.map((each) => strict(each, year));
  return elements.every((each) => each) ? labelOf(elements as Element[], year) : null;
}

function queryOf(query: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const each of query.split('&')) {
    const at = each.indexOf('=');
    if (at < 0 || at === each.length - 1) continue;
    const plain = (text: string): string => unquoted(text.replace(/\+/g, ' '));
    pairs.set(plain(each.slice(0, at)), plain(each.slice(at + 1)));
  }
  return pairs;
}

/** A field that is the whole of `text`, with a date that exists where it holds one. */
function strict(text: string, year: number): Element | null {
  const element = fieldOf(text, true);
  if (!element) return null;
  const isDated = DATED.indexOf(element.ai) >= 0;
  return isDated && !momentExists(element.value, year) ? null : element;
}

function momentExists(value: string, year: number): boolean {
  if (!dayOf(value.slice(0, 6), year)) return false;
  const [hour, minute, second] = [6, 8, 10].map((at) => Number(value.slice(at, at + 2) || 0));
  if (hour === 99 && minute === 99) return true;
  return (hour as number) < 24 && (minute as number) < 60 && (second as number) < 60;
}

/** YYMMDD as an ISO day; day 00 is the end of the month. Empty when there is no such day. */
export function dayOf(value: string, thisYear: number): string {
  const [short, month, day] = [0, 2, 4].map((at) => Number(value.slice(at, at + 2))) as
    [number, number, number];
  const apart = short - (thisYear % 100);
  const year = thisYear - (thisYear % 100) + short + (apart >= 51 ? -100 : apart <= -50 ? 100 : 0);
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day > last) return '';
  const two = (part: number): string => `0${part}`.slice(-2);
  return `${year}-${two(month)}-${two(day || last)}`;
}

function labelOf(elements: Element[], year: number): Label {
  const byAi = new Map<string, Element>(); // of a field that comes twice the first counts
  elements.slice().reverse().forEach((each) => byAi.set(each.ai, each));
  const value = (ai: string): string => byAi.get(ai)?.value ?? '';
  const day = (ai: string): string => (byAi.has(ai) ? dayOf(value(ai), year) : '');
  const gtin = zeros(value('01') || value('02'), 14);
  const weight = Array.from(byAi.values()).find((each) => each.ai.slice(0, 3) === '310');
  const count = value('37') || value('30');
  return {
    gtin: /^0{14}$/.test(gtin) ? '' : gtin, item: '', place: '',
    lot: value('10'), serial: value('21'),
    made_on: day('11'), expires_on: day('17'), best_before: day('15'),
    count: count ? Number(count) * ONE : null,
    weight_kg: weight ? Number(weight.value) * 10 ** (6 - Number(weight.ai[3])) : null,
    sscc: value('00'),
    text: elements.map((each) => `(${each.ai})${each.value}`).join(''),
    repaired: false,
    gtin_valid: checkDigitFits(gtin),
  };
}

function zeros(text: string, size: number): string {
  return text.length >= size ? text : '0'.repeat(size - text.length) + text;
}

// Python's idea of white space, which holds the separator too.
const SPACES = /[\s\u001c-\u001f\u0085]+/;

function trimmed(text: string): string {
  return text.replace(new RegExp(`^${SPACES.source}|${SPACES.source}$`, 'g'), '');
}
