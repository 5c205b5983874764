// That a person gave something up is told to the server like any work: recorded first, sent once.
// Pure. What giving up means on the device: entries.ts.

import type { Entry } from './entries.ts';
import type { SubmitOp } from './frames.ts';
import { stepId } from './ids.ts';

export const ABANDON = { flow: 'queue', action: 'abandon' };

const MOST = 6_000; // characters of an operation that go along

/** Of one giving up always the same operation, whatever tab tells it. */
export function onRecord({ id, op, frame, reason, deviceAt }: Entry, what: string): SubmitOp {
  const whole = frame ?? op;
  const kept = JSON.stringify(whole).length > MOST ? { ...whole, inputs: {} } : whole;
  return {
    t: 'submit', id: stepId(id, 'abandon', deviceAt, reason), ...ABANDON, state: '', context: {},
    inputs: { id, what: (what || said(op)).slice(0, 400), reason: reason.slice(0, 400),
      op: JSON.parse(JSON.stringify(kept)) },
  };
}

function said(op: Entry['op']): string {
  if (op.t === 'scan') return `${op.flow ?? ''} ${op.code}`.trim();
  return op.t === 'act' ? `${op.action} ${op.task_id}` : `${op.flow ?? ''} ${op.action}`.trim();
}

/** Whether it only tells of another operation. */
export function isRecord(op: Entry['op']): boolean {
  return op.t === 'submit' && op.flow === ABANDON.flow;
}
