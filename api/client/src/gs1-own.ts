// Our own printed code, `J1:IA-001:LL-7:E20261231`: the twin of core/catalog/printed.py, held equal
// by tests/client_vectors. Pure; never throws. Not for GS1 text: gs1-parse.ts.

import type { Label } from './gs1.ts';

const PREFIX = 'J1:';
const FIELDS: { [tag: string]: string } = {
  P: 'place', I: 'item', L: 'lot', S: 'serial', M: 'made_on', E: 'expires_on', N: 'count',
};
const ONE = 1_000_000;
const MOST = 9_000_000_000 * ONE;
const NUMBER = /^([+-]?)(?=\.?[0-9])([0-9]{0,16})(?:\.([0-9]*))?$/;

/** What `code` names; null when it is not one of ours, or not whole. */
export function ownLabel(code: string): Label | null {
  if (code.slice(0, PREFIX.length) !== PREFIX) return null;
  const found = new Map<string, string>();
  for (const part of code.slice(PREFIX.length).split(':')) {
    const name = Object.prototype.hasOwnProperty.call(FIELDS, part.slice(0, 1))
      ? (FIELDS[part.slice(0, 1)] as string) : '';
    if (!name || found.has(name)) return null;
    found.set(name, unquoted(part.slice(1)));
  }
  const [place, item, lot, serial] = ['place', 'item', 'lot', 'serial']
    .map((name) => found.get(name) ?? '') as [string, string, string, string];
  const [madeOn, expiresOn] = [dayIn(found.get('made_on')), dayIn(found.get('expires_on'))];
  const count = found.has('count') ? millionths(found.get('count') as string) : null;
  if (madeOn === null || expiresOn === null || !!place === !!item) return null;
  if (found.has('count') && (count === null || count <= 0)) return null;
  return {
    gtin: '', item, place, lot, serial, made_on: madeOn, expires_on: expiresOn, best_before: '',
    count, weight_kg: null, sscc: '', repaired: false, gtin_valid: true,
    text: [place, item, lot, serial].filter((each) => each).join(' · '),
  };
}

/** Percent escapes as UTF-8; what is none stays as it is. */
export function unquoted(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = run.slice(1).split('%').map((each) => parseInt(each, 16));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(bytes));
  });
}

/** YYYYMMDD as an ISO day; null when there is no such day. */
function dayIn(text = ''): string | null {
  if (!text) return '';
  const parts = /^([0-9]{4})([0-9]{2})([0-9]{2})$/.exec(text);
  if (!parts) return null;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const last = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return year < 1 || day < 1 || day > last ? null : parts.slice(1).join('-');
}

function millionths(text: string): number | null {
  const half = text.trim().replace(/[\uff01-\uff5e]/g, (each) =>
    String.fromCharCode(each.charCodeAt(0) - 0xfee0));
  const found = NUMBER.exec(half.replace(/,/g, ''));
  if (!found) return null;
  const fraction = (found[3] ?? '').replace(/0+$/, '');
  if (fraction.length > 6) return null;
  const value = Number(found[2] || 0) * ONE + Number(`${fraction}000000`.slice(0, 6));
  return value > MOST ? null : found[1] === '-' ? -value : value;
}
