// What is written in a barcode: the twin of pda/labels.py, held equal by tests/client_vectors.
//   read(code, symbology?, expected?)  no labels: an ordinary code; one: certain; several: ask
// A label whose printer left out the separators is cut again: every cut with a valid check digit
// and believable dates is a candidate. Field names are those of the Python side. Never throws on
// what a scanner may send. Not for finding goods or orders: that is the server's.

import { ownLabel } from './gs1-own.ts';
import { checkDigitFits, parse, parseBracketed, parseLink } from './gs1-parse.ts';

export interface Label {
  /** Always 14 digits. */
  gtin: string;
  /** Our own item code, instead of a GTIN. */
  item: string;
  /** Our own place code: then nothing else is set. */
  place: string;
  lot: string;
  serial: string;
  /** ISO days. */
  made_on: string;
  expires_on: string;
  best_before: string;
  /** Millionths. */
  count: number | null;
  /** Millionths of a kilogram. */
  weight_kg: number | null;
  sscc: string;
  /** The printed form: (01)…(10)… */
  text: string;
  /** Cut again because a separator was missing. */
  repaired: boolean;
  gtin_valid: boolean;
}

export interface Expected {
  /** GTINs of 14 digits, and the lots known for them. */
  gtins?: string[];
  lots?: string[];
  /** ISO day. */
  today?: string;
}

export interface Reading {
  code: string;
  labels: Label[];
  /** Letters no barcode holds: an input method was in the way. */
  odd_keyboard: boolean;
}

const FNC1 = '\u001d';
const MAX_CANDIDATES = 6;
const MAX_CUTS = 40;
const MAX_STEPS = 20_000; // cuts tried before a hostile string is given up
const LINK = /^https?:\/\//i; // perhaps: it stands in an ordinary QR code, whose prefix is ]Q1
const GS1_KINDS = [']C1', ']d2', ']e0', ']e1', ']e2', ']Q3', ']J1'];

// Fields a warehouse label carries, as least and most characters.
const CUT = new Map<string, [number, number]>([
  ['00', [18, 18]], ['01', [14, 14]], ['02', [14, 14]], ['10', [1, 20]], ['11', [6, 6]],
  ['13', [6, 6]], ['15', [6, 6]], ['17', [6, 6]], ['21', [1, 20]], ['30', [1, 8]],
  ['37', [1, 8]], ['3100', [6, 6]], ['3101', [6, 6]], ['3102', [6, 6]], ['3103', [6, 6]],
  ['3104', [6, 6]], ['3105', [6, 6]],
]);

/** Expiry, else best before: the day after which it must not go out. */
export function useBy(label: Label): string {
  return label.expires_on || label.best_before;
}

/** Read one scan; an ordinary code comes back cleaned, without labels. */
export function read(code: string, symbology?: string | null, expected: Expected = {}): Reading {
  const cleaned = halfWidth(code).replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  const prefix = /^\][A-Za-z][0-9A-Za-z]/.exec(cleaned)?.[0] ?? '';
  let kind = prefix || (symbology ?? '');
  if (kind && kind[0] !== ']') kind = `]${kind}`;
  const raw = cleaned.slice(prefix.length);
  const marked = GS1_KINDS.indexOf(kind) >= 0 || raw.indexOf(FNC1) >= 0;
  const body = raw.replace(/^\u001d+|\u001d+$/g, '');
  const own = ownLabel(body);
  const reading = { code: body, labels: only(own), odd_keyboard: !isAscii(body) };
  if (own || !body || (kind && !marked && !LINK.test(body))) return reading;
  return { ...reading, labels: labelsOf(body, marked, expected) };
}

function labelsOf(body: string, marked: boolean, expected: Expected): Label[] {
  const year = new Date().getUTCFullYear();
  if (body[0] === '(') return only(parseBracketed(body, year));
  if (LINK.test(body)) return only(parseLink(body, year));
  if (!marked && /^(\d{8}|\d{12,14})$/.test(body) && checkDigitFits(body)) return [];
  let greedy = parse(body, year);
  if (greedy && !marked && !(greedy.gtin && greedy.gtin_valid)) {
    greedy = greedy.sscc && checkDigitFits(greedy.sscc) ? greedy : null;
  }
  if (body.indexOf(FNC1) >= 0) return only(greedy); // this printer does separate: believe it
  const others = cuts(body, year, expected.today).filter((each) => each.gtin || each.sscc);
  return greedy || others.length ? choose(greedy, others, expected) : only(gtinAlone(body));
}

function only(label: Label | null): Label[] {
  return label ? [label] : [];
}

// -- choosing ----------------------------------------------------------------------------------
/** The readings worth showing, best first; a single one may be used without asking. */
function choose(greedy: Label | null, others: Label[], expected: Expected): Label[] {
  const lots = expected.lots ?? [];
  const gtins = expected.gtins ?? [];
  const isLot = (each: Label): boolean => lots.indexOf(each.lot) >= 0;
  if (greedy && isLot(greedy)) return [greedy];
  const worth = greedy ? others.filter((each) => explainsMore(each, greedy)) : others;
  const candidates = new Map<string, Label>();
  worth.forEach((each) => candidates.set(meaning(each), { ...each, repaired: true }));
  if (greedy) candidates.set(meaning(greedy), greedy);
  let found = Array.from(candidates.values());
  if (gtins.length) {
    const fit = found.filter((each) => gtins.indexOf(each.gtin) >= 0);
    if (fit.length) found = fit;
  }
  const known = found.filter((each) => each.lot && isLot(each));
  if (known.length === 1) return known;
  const rank = (each: Label): number[] => [isLot(each) ? 0 : 1,
    gtins.indexOf(each.gtin) >= 0 ? 0 : 1, -dates(each), each.lot.length + each.serial.length];
  return sortedBy(found, rank).slice(0, MAX_CANDIDATES);
}

/** A standard reading is only doubted when another finds a date or a GTIN it swallowed. */
function explainsMore(other: Label, greedy: Label): boolean {
  return dates(other) > dates(greedy) || (!!other.gtin && !greedy.gtin);
}

function dates(label: Label): number {
  return [label.made_on, label.expires_on, label.best_before].filter((each) => each).length;
}

function meaning(label: Label): string {
  return JSON.stringify(
    [label.gtin, label.lot, label.serial, label.made_on, useBy(label), label.count]);
}

/** Equal ranks keep their order, which old browsers do not promise. */
function sortedBy(labels: Label[], rank: (label: Label) => number[]): Label[] {
  const rows = labels.map((label, at) => ({ label, key: rank(label).concat([at]) }));
  rows.sort((a, b) => {
    const at = a.key.findIndex((each, index) => each !== b.key[index]);
    return at < 0 ? 0 : (a.key[at] as number) - (b.key[at] as number);
  });
  return rows.map((row) => row.label);
}

/** The GTIN in front of fields that make no sense (month 13): better than nothing at all. */
function gtinAlone(body: string): Label | null {
  const gtin = body.slice(2, 16);
  if (body.slice(0, 2) !== '01' || body.length < 16 || !checkDigitFits(gtin)) return null;
  return { gtin, item: '', place: '', lot: '', serial: '', made_on: '', expires_on: '', best_before: '',
    count: null, weight_kg: null, sscc: '', text: `(01)${gtin} …`, repaired: false, gtin_valid: true };
}

// -- cutting again -----------------------------------------------------------------------------
/** Every way to cut `body` into known fields with valid check digits and believable dates. */
function cuts(body: string, year: number, today?: string): Label[] {
  const found: Label[] = [];
  if (!isAscii(body) || body.length > 90) return found;
  walk(body, today, (parts) => {
    const label = parse(parts.map(([ai, value]) => ai + value).join(FNC1), year);
    if (label) found.push(label);
    return found.length < MAX_CUTS;
  });
  return found;
}

type Parts = [ai: string, value: string][];

function walk(body: string, today: string | undefined, take: (parts: Parts) => boolean): void {
  const stack: [number, Parts][] = [[0, []]];
  for (let steps = 0; stack.length && steps < MAX_STEPS; steps += 1) {
    const [start, parts] = stack.pop() as [number, Parts];
    if (start === body.length) {
      if (!take(parts)) return;
      continue;
    }
    const ai = [body.slice(start, start + 2), body.slice(start, start + 4)]
      .find((each) => CUT.has(each));
    if (!ai || parts.some(([used]) => used === ai)) continue;
    const [least, most] = CUT.get(ai) as [number, number];
    const begin = start + ai.length;
    for (let size = least; size <= Math.min(most, body.length - begin); size += 1) {
      const value = body.slice(begin, begin + size);
      if (believable(ai, value, today)) stack.push([begin + size, parts.concat([[ai, value]])]);
    }
  }
}

function believable(ai: string, value: string, today?: string): boolean {
  if (ai === '00' || ai === '01' || ai === '02') return checkDigitFits(value);
  if (['11', '13', '15', '17'].indexOf(ai) >= 0) return plausibleDay(value, today);
  return ai === '10' || ai === '21' ? /^[ -~]*$/.test(value) : /^\d+$/.test(value);
}

/** YYMMDD; day 00 means the end of the month. Within 5 years back and 15 ahead of today. */
function plausibleDay(value: string, today?: string): boolean {
  if (!/^\d{6}$/.test(value)) return false;
  const [year, month, day] = [2000 + Number(value.slice(0, 2)), Number(value.slice(2, 4)),
    Number(value.slice(4)) || 1] as [number, number, number];
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day > last) return false;
  const now = Number((today ?? '').slice(0, 4));
  return !now || (year >= now - 5 && year <= now + 15);
}

function halfWidth(text: string): string {
  return text.replace(/[\uff01-\uff5e\u3000]/g, (each) =>
    (each === '\u3000' ? ' ' : String.fromCharCode(each.charCodeAt(0) - 0xfee0)));
}

function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}
