// A supervisor revokes the scanner: from every screen its page goes to the one that enrols it.
import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createApp, type App } from 'vue';
import { openPage, until, type Page } from '../testing/page.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }); // all screens are loaded
let it: Page;
let app: App;
let scanner: typeof import('./scanner.ts');
let router: typeof import('../router.ts').router;

beforeEach(async () => {
  document.body.innerHTML = '';
  it = await openPage();
  scanner = await import('./scanner.ts');
  scanner.startScanner();
  router = (await import('../router.ts')).router;
  const Page = (await import('../App.vue')).default;
  app = createApp(Page).use(router);
  app.mount(document.body.appendChild(document.createElement('div')));
});
afterEach(() => {
  app.unmount();
  it.live.wire.stop();
  vi.unstubAllGlobals();
});

const at = (): string => router.currentRoute.value.path;
const page = (): string => document.body.textContent || '';

async function keepOne(): Promise<void> {
  it.server.silent = true;
  await it.live.book('s-step-0001', 'transfer', 'move', { quantity: '2' });
  await until(() => it.live.live.queue.waiting === 1);
}

async function enrol(): Promise<void> {
  await it.live.wire.enrol('GOOD');
  await it.signIn('BADGE-LI');
  await until(() => at() === '/');
}

test('revoked on any screen it goes to the one that enrols it, and says why', async () => {
  const screens = ['/', '/receive/T1', '/transfer', '/photo', '/settings', '/queue', '/look/A'];
  for (const path of screens) {
    await router.push(path);
    it.server.revoke();
    await until(() => at() === '/bind' && /停用.*重新登记/.test(page()));
    await enrol();
  }
});

test('it says how much it keeps', async () => {
  await keepOne();
  it.server.revoke();
  await until(() => at() === '/bind' && /停用.*重新登记.*1 条/.test(page()));
});

test('what is kept can be looked at, and the way back leads to enrolling', async () => {
  await keepOne();
  it.server.revoke();
  await until(() => at() === '/bind');
  await router.push('/queue');
  expect(at()).toBe('/queue');
  await router.push('/receive/T1');
  expect(at()).toBe('/bind');
  await until(() => page().includes('停用'));
});

test('the code is scanned: what was kept is sent when its person signs in', async () => {
  await keepOne();
  it.server.revoke();
  await until(() => at() === '/bind');
  it.server.silent = false;
  scanner.bus.inject('https://jieli/pda#enrol=GOOD');
  await until(() => at() === '/sign-in');
  await it.signIn('BADGE-LI');
  await until(() => it.live.live.queue.waiting === 0);
  expect(it.server.effects.map((each) => each.id)).toEqual(['s-step-0001']);
});

test('a link opened before the page knows waits for the screen that enrols', async () => {
  location.hash = '#enrol=GOOD';
  scanner.takeEnrolmentLinks();
  expect(location.href).not.toContain('GOOD'); // a code must not stay in the address
  await router.push('/transfer');
  expect(scanner.takeOver()).toBe(''); // a code of an enrolment is never taken for a scan
  it.server.revoke();
  await until(() => it.live.live.device && it.live.live.device.id === 4);
  await until(() => at() === '/sign-in');
});

test('a link that was broken on its way opens the page, and who enrols is told', async () => {
  location.hash = '#enrol=%E0%A4%A';
  scanner.takeEnrolmentLinks();
  expect(location.href).not.toContain('enrol');
  it.server.revoke();
  await until(() => at() === '/bind');
  await until(() => page().includes('enrol_code_void'));
});

test('a link opened in a page that is open already is taken', async () => {
  scanner.takeEnrolmentLinks();
  it.server.revoke();
  await until(() => at() === '/bind');
  location.hash = '#enrol=GOOD';
  await until(() => it.live.live.device && it.live.live.device.id === 4);
  await until(() => at() === '/sign-in');
  expect(location.href).not.toContain('GOOD');
});

test('the steps of the new device are those of the old one', async () => {
  expect(it.live.device()).toBe(3);
  it.server.revoke();
  await until(() => at() === '/bind');
  scanner.bus.inject('GOOD');
  await until(() => it.live.live.device && it.live.live.device.id === 4);
  expect(it.live.device()).toBe(3);
});
