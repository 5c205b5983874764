// What is written in a barcode: the twin of pda/labels.py, held equal by tests/client_vectors.
//   read(code, symbology?, expected?)  no labels: an ordinary code; one: certain; several: ask
// Field names are those of the Python side. Never throws on what a scanner may send.
// Not for finding goods or orders: that is the server's.

export interface Label {
  gtin: string;
  lot: string;
  serial: string;
  made_on: string;
  expires_on: string;
  best_before: string;
  /** Millionths. */
  count: number | null;
  /** Millionths of a kilogram. */
  weight_kg: number | null;
  sscc: string;
  text: string;
  repaired: boolean;
  gtin_valid: boolean;
}
export interface Expected { gtins?: string[]; lots?: string[]; /** ISO day */ today?: string }
export interface Reading { code: string; labels: Label[]; odd_keyboard: boolean }

export declare function read(code: string, symbology?: string | null, expected?: Expected): Reading;
/** Expiry, else best before. */
export function useBy(label: Label): string {
  return label.expires_on || label.best_before;
}
