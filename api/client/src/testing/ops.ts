// Short ways to say operations and answers in tests. Not for the product.

import type { Entry } from '../entries.ts';
import type { Message, Reply, ScanOp, SubmitOp, View } from '../frames.ts';

let made = 0;

export function scan(code = 'PO-2026-0001', more: Partial<ScanOp> = {}): ScanOp {
  return { t: 'scan', id: `test-scan-${(made += 1)}`, code, ...more };
}

export function tap(action = 'confirm', more: Partial<SubmitOp> = {}): SubmitOp {
  return { t: 'submit', id: `test-tap-${(made += 1)}`, action, ...more };
}

export const LINE: View = { flow: 'receive', state: 'line', context: { line_id: 7 } };

export function message(level: Message['level'], code = ''): Message {
  return { level, text: `话 ${code}`, en: `word ${code}`, code };
}

export function reply(id: string, more: Partial<Reply> = {}): Reply {
  return {
    t: 'reply', id, ok: true, flow: 'receive', next_state: 'line', data: { quantity: '1' },
    context: { line_id: 7, quantity: '1' }, message: message('ok'), sound: 'ok', ...more,
  };
}

export function refusal(id: string, code: string, more: Partial<Reply> = {}): Reply {
  const no = { ok: false, data: null, message: message('error', code), sound: 'error' as const };
  return reply(id, { ...no, ...more });
}

export const ids = (entries: Entry[]): string[] => entries.map((each) => each.id);
