// What a scanned code stands for, out of the packs on this device: goods and how much one scan is.
// Own codes win over GS1, as in pda/find.py. Pure; not for deciding what to do with it.

import { read, useBy, type Label } from '@jieli/client/gs1';
import { ONE, micro, type Micro } from './quantity.ts';

export interface Check {
  key: string;
  label: string;
  kind: 'ok' | 'number' | 'text';
  min?: string;
  max?: string;
}
export interface Lot {
  code: string;
  made_on: string;
  expires_on: string;
}
export interface Goods {
  item_id: number;
  item_code: string;
  item_name: string;
  unit: string;
  tracking: 'none' | 'lot' | 'serial';
  needs_expiry: boolean;
  needs_inspection: boolean;
  checklist: Check[];
  barcodes: { code: string; per_scan: string }[];
  lots: Lot[];
}

export interface Hit {
  goods: Goods;
  perScan: Micro;
  lot: string;
  serial: string;
  madeOn: string;
  useBy: string;
  /** The printer left out a separator and the label was cut again. */
  repaired: boolean;
}
export type Found =
  { kind: 'goods'; hit: Hit } | { kind: 'options'; options: Label[] } | { kind: 'none' };

const WEIGHED_IN = ['kg', 'KG', '千克', '公斤'];
const DIGITS = /^\d{1,14}$/;

export function recognise(code: string, goods: Goods[], today: string, choice = ''): Found {
  const plainHit = byCode(code, goods);
  if (plainHit && !choice) return { kind: 'goods', hit: plainHit };
  let labels = read(code, null, { today }).labels;
  if (labels.length > 1 && !choice) labels = read(code, null, { ...known(goods), today }).labels;
  labels = labels.filter((each) => !choice || each.text === choice);
  if (labels.length > 1) return { kind: 'options', options: labels };
  const label = labels[0];
  const hit = label && (label.item ? byItem(label.item, goods) : byCode(label.gtin, goods));
  return label && hit ? { kind: 'goods', hit: labelled(hit, label) } : { kind: 'none' };
}

/** Scanners drop or add zeros in front: up to 14 digits are the same number. */
export function sameCode(a: string, b: string): boolean {
  if (a === b) return true;
  return DIGITS.test(a) && DIGITS.test(b) && a.padStart(14, '0') === b.padStart(14, '0');
}

/** Our own printed label names the item by its own code. */
function byItem(code: string, goods: Goods[]): Hit | null {
  const found = goods.find((each) => each.item_code === code);
  return found ? hitOf(found, ONE) : null;
}

function byCode(code: string, goods: Goods[]): Hit | null {
  if (!code) return null;
  for (const each of goods) {
    const found =
      each.barcodes.find((barcode) => barcode.code === code) ||
      each.barcodes.find((barcode) => sameCode(barcode.code, code));
    if (found) return hitOf(each, micro(found.per_scan) || ONE);
  }
  return null;
}

function hitOf(goods: Goods, perScan: Micro): Hit {
  return { goods, perScan, lot: '', serial: '', madeOn: '', useBy: '', repaired: false };
}

function labelled(hit: Hit, label: Label): Hit {
  const lot = hit.goods.lots.find((each) => each.code === label.lot);
  return {
    ...hit,
    perScan: perScan(hit, label),
    lot: label.lot,
    serial: label.serial,
    madeOn: label.made_on || (lot ? lot.made_on : ''),
    useBy: useBy(label) || (lot ? lot.expires_on : ''),
    repaired: label.repaired,
  };
}

/** One pack; the weight printed on a weighed pack; the count printed on a mixed one. */
function perScan(hit: Hit, label: Label): Micro {
  if (label.weight_kg !== null && WEIGHED_IN.indexOf(hit.goods.unit) >= 0) return label.weight_kg;
  return label.count ? Math.round((hit.perScan / ONE) * label.count) : hit.perScan;
}

function known(goods: Goods[]): { gtins: string[]; lots: string[] } {
  const gtins: string[] = [],
    lots: string[] = [];
  for (const each of goods) {
    for (const barcode of each.barcodes) {
      if (DIGITS.test(barcode.code)) gtins.push(barcode.code.padStart(14, '0'));
    }
    for (const lot of each.lots) lots.push(lot.code);
  }
  return { gtins, lots };
}
