// The scanner's page with its storage and a far server, for tests; each call is a new page.
import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';
import { realClock } from '@jieli/client/clock';
import { FakeServer } from '../../../../api/client/src/testing/server.ts';

export interface Page {
  server: FakeServer;
  live: typeof import('../state/live.ts');
  signIn(badge: string): Promise<void>;
}

/** Enrolled, held by 李四 and online. `web`: what the server's HTTP doors answer. */
export async function openPage(web?: typeof fetch): Promise<Page> {
  vi.resetModules();
  sessionStorage.clear();
  vi.stubGlobal('indexedDB', new IDBFactory());
  const server = new FakeServer(realClock as never);
  vi.stubGlobal('WebSocket', function socket(url: string) {
    return server.connect(url);
  });
  vi.stubGlobal('fetch', web ?? (() => Promise.reject(new TypeError('Failed to fetch'))));
  const live = await import('../state/live.ts');
  await live.startLive();
  await live.wire.enrol('GOOD');
  const page: Page = {
    server,
    live,
    async signIn(badge) {
      await live.wire.signIn(badge, '4711');
      await until(() => live.live.signedIn);
    },
  };
  await page.signIn('BADGE-LI');
  return page;
}

/** As soon as it is so; fails when it never is. */
export function until(isSo: () => unknown): Promise<unknown> {
  return vi.waitFor(
    async () => {
      if (!(await isSo())) throw new Error(`never: ${String(isSo)}`);
    },
    { timeout: 3_000, interval: 10 },
  );
}
