// REST routes as the person who is signed in on this scanner: labels, not work (that is wire.post).

import { needsSignIn, Refused } from './said.ts';

export interface RequestOptions {
  api?: string;
  fetch?: typeof fetch;
}

/** Rejects with Refused(needs_sign_in) when nobody is signed in. */
export function requester(session: () => string | null, options: () => RequestOptions) {
  return (path: string, init: RequestInit = {}): Promise<Response> => {
    const token = session();
    if (!token) return Promise.reject(new Refused(needsSignIn));
    const headers = { ...(init.headers as object), Authorization: `Bearer ${token}` };
    const send = options().fetch ?? ((...given) => fetch(...given));
    return send((options().api ?? '') + path, { ...init, headers });
  };
}
