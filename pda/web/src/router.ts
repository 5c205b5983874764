// Which screen is where. Hash routes: no rule on the server, no dead deep link. Who is not bound or
// not signed in is sent there first; everything but the first screens loads when it is wanted.
import { watch } from 'vue';
import { createRouter, createWebHashHistory } from 'vue-router';
import { live } from './state/live.ts';
import BindScreen from './screens/BindScreen.vue';
import HomeScreen from './screens/HomeScreen.vue';
import ReceiveScreen from './screens/ReceiveScreen.vue';
import SignInScreen from './screens/SignInScreen.vue';

export const router = createRouter({
  history: createWebHashHistory('/pda/'),
  scrollBehavior: () => ({ left: 0, top: 0 }),
  routes: [
    { path: '/', component: HomeScreen },
    { path: '/bind', component: BindScreen },
    { path: '/sign-in', component: SignInScreen },
    { path: '/receive/:work', component: ReceiveScreen, props: true },
    { path: '/putaway/:work', component: () => import('./screens/PutawayScreen.vue'), props: true },
    { path: '/count/:work', component: () => import('./screens/CountScreen.vue'), props: true },
    { path: '/pick/:work', component: () => import('./screens/PickScreen.vue'), props: true },
    { path: '/pack/:work', component: () => import('./screens/PackScreen.vue'), props: true },
    { path: '/urgent', component: () => import('./screens/UrgentScreen.vue') },
    { path: '/back/:work?', component: () => import('./screens/ReturnScreen.vue'), props: true },
    { path: '/transfer', component: () => import('./screens/TransferScreen.vue') },
    { path: '/look/:code', component: () => import('./screens/LookScreen.vue'), props: true },
    { path: '/photo', component: () => import('./screens/PhotoScreen.vue') },
    { path: '/queue', component: () => import('./screens/QueueScreen.vue') },
    { path: '/settings', component: () => import('./screens/SettingsScreen.vue') },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
});

/** Where this page has to be, given who it is: nowhere else than wanted when all is well. */
export function mustGo(path: string): string {
  if (!live.ready || live.broken) return '';
  if (path === '/settings' || path === '/queue') return '';
  if (!live.device) return path === '/bind' ? '' : '/bind';
  const known = live.person && (live.signedIn || live.link === 'offline');
  if (!known) return path === '/sign-in' ? '' : '/sign-in';
  return path === '/bind' || path === '/sign-in' ? '/' : '';
}

router.beforeEach((to) => {
  const path = mustGo(to.path);
  return path ? { path, replace: true } : true;
});

/** Revoked: also off the screens that are open to everybody, which may be visited again. */
watch(
  () => !!live.device,
  (now, before) => {
    if (before && !now) void router.replace('/bind');
  },
);
