// What a person must know now stands on every screen, for as long as it is so.
import { beforeAll, expect, test, vi } from 'vitest';
import App from '../App.vue';
import { book, live, wire } from '../state/live.ts';
import { mayUpdate, shell } from '../state/updates.ts';
import { takeGun, until, type Gun } from './testing.ts';

let gun: Gun;
beforeAll(async () => {
  gun = await takeGun();
  await gun.open(App);
});
const alert = (): string => {
  const node = gun.page.querySelector('[data-test=problem]');
  return (node && node.getAttribute('role') === 'alert' && node.textContent) || '';
};

test('a page that is too old says so, loads again at one tap, and is silent when it is not', async () => {
  expect(alert()).toBe('');
  gun.floor.reachable = false;
  gun.floor.cut(4000);
  await until(() => alert().includes('这一页是旧版'));
  const reload = vi.spyOn(window.location, 'reload').mockReturnValue();
  await gun.tap('更新');
  expect(reload).toHaveBeenCalledOnce();
  gun.floor.reachable = true;
  wire.connect();
  await until(() => live.link === 'online');
  await until(() => !alert());
});

test('a page that is too old to send what waits may give way to the one that can', async () => {
  shell.waiting = true;
  gun.floor.silent = true;
  await book('s-waits-0001', 'count', 'count', { count_id: 'c1', bin: 'A-01', quantity: '1' });
  await until(() => live.queue.waiting === 1);
  expect(mayUpdate()).toBe(false);
  gun.floor.cut(4000);
  await until(() => live.stale);
  expect(mayUpdate()).toBe(true);
  gun.floor.silent = false;
  wire.connect();
  await until(() => live.link === 'online');
  await gun.settled();
  shell.waiting = false;
});

test('whose scanner was stopped reads that nothing is lost and where to go', async () => {
  gun.floor.cut(4001);
  await until(() => alert().includes('这台枪已停用'));
  expect(alert()).toContain('device_revoked');
  expect(alert()).not.toContain('更新');
  await wire.enrol('GOOD');
  await until(() => !alert());
});
