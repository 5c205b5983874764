// Exact quantities as whole millionths, like core/quantity.py; never a float on the screen.
// Not for packs and units: those are turned into base units by `per_scan` of a barcode.

export type Micro = number;
export const ONE: Micro = 1_000_000;
const TEXT = /^(\d{1,9})(?:\.(\d{1,6}))?$/;

/** The millionths in "12.5"; null when it is no quantity. */
export function micro(text: string): Micro | null {
  const found = TEXT.exec(text.trim());
  if (!found) return null;
  return Number(found[1]) * ONE + Number(`${found[2] || ''}000000`.slice(0, 6));
}

/** As the wire wants it: "12.5", no thousands, no trailing zeros. */
export function plain(value: Micro): string {
  const whole = Math.floor(value / ONE);
  const rest = String((value % ONE) + ONE)
    .slice(1)
    .replace(/0+$/, '');
  return rest ? `${whole}.${rest}` : String(whole);
}

/** As a person reads it: "1,234.5". */
export function show(value: Micro): string {
  const [whole = '', rest] = plain(value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return rest ? `${grouped}.${rest}` : grouped;
}
