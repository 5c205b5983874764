// Is this code a bin? From the codes a pack brought; a warehouse may have more than fit in a pack.
// Not for which bin is best: the server suggests, with reasons.

import { read } from '@jieli/client/gs1';

export interface Bins {
  codes: string[];
  complete: boolean;
}
export interface Suggested {
  code: string;
  why: string;
}

const SHAPE = /^[A-Za-z][0-9A-Za-z-]{1,31}$/;

/** `maybe`: shaped like one, but the pack does not hold every bin: ask once more. */
export function binOf(code: string, bins: Bins): 'yes' | 'maybe' | 'no' {
  if (bins.codes.indexOf(code) >= 0) return 'yes';
  return !bins.complete && SHAPE.test(code) ? 'maybe' : 'no';
}

/** A printed bin label is its bin; any other code stays as it is. */
export function placed(code: string): string {
  return !/[JＪ][1１]/.test(code) ? code : read(code).labels.map((each) => each.place)[0] || code;
}
