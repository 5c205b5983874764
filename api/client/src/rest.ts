// A call of the server's other doors as the person who is signed in: a label to print, a list to
// show. Not for operations, which are kept and sent until answered (queue.ts).

import { needsSignIn, Refused } from './said.ts';

export interface Door { session: string | null; api?: string; fetch?: typeof fetch }

/** The answer, whatever its status. Rejects with Refused when nobody is signed in. */
export function request(door: Door, path: string, init: RequestInit = {}): Promise<Response> {
  if (!door.session) return Promise.reject(new Refused(needsSignIn));
  const headers = { ...(init.headers as object), Authorization: `Bearer ${door.session}` };
  const send = door.fetch ?? ((...given: Parameters<typeof fetch>) => fetch(...given));
  return send((door.api ?? '') + path, { ...init, headers });
}
