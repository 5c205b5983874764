// Operation ids, made by the device before anything is sent.
//   stepId(task, step, version, device)  the same step is the same operation, on every tap and tab
//   draftId()                            a free action: made when the screen opens, not at the tap
//   isOperationId(text)                  what the server accepts
// Works on plain http and Chrome 66: neither crypto.subtle, randomUUID nor BigInt is needed.

import { hash } from '@stablelib/sha256';

const SHAPE = /^[0-9A-Za-z_\-:.]{8,80}$/;

export function isOperationId(text: string): boolean {
  return SHAPE.test(text);
}

/** The id of step `step` of `task` as it stood at `version`, done on `device`. */
export function stepId(
  task: string,
  step: string,
  version: number | string,
  device: number | string,
): string {
  // JSON keeps the parts apart: ("a", "bc") and ("ab", "c") are two steps.
  const text = JSON.stringify([String(task), step, String(version), String(device)]);
  return `s-${hex(hash(new TextEncoder().encode(text))).slice(0, 40)}`;
}

/** A new id: the millisecond, then 80 random bits; ids of one day lie together in an index. */
export function draftId(now: number = Date.now()): string {
  const time = `00000000000${Math.max(0, Math.floor(now)).toString(16)}`.slice(-12);
  return `p-${time}${hex(crypto.getRandomValues(new Uint8Array(10)))}`;
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte + 256).toString(16).slice(1);
  return text;
}
