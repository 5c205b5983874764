// What a person set on this device: sound, light, size of letters, hand, language. Kept by the page.
// Not for work: that is in IndexedDB.
import { reactive, watch } from 'vue';
import { say } from '../words/index.ts';
import type { Lang } from '@jieli/client/i18n';

export interface Settings {
  sound: boolean;
  theme: 'auto' | 'light' | 'dark';
  font: 'small' | 'middle' | 'large';
  hand: 'right' | 'left';
  lang: Lang;
}
const KEY = 'jieli.pda.settings';
const SCALE = { small: '1', middle: '1.15', large: '1.3' };
const START: Settings = {
  sound: true,
  theme: 'auto',
  font: 'small',
  hand: 'right',
  lang: say.lang(),
};

export const settings = reactive<Settings>({ ...START, ...remembered(), lang: say.lang() });

/** Put the settings on the page, now and after every change. */
export function applySettings(): void {
  watch(settings, apply, { immediate: true, deep: true });
}

function apply(): void {
  const root = document.documentElement;
  if (settings.theme === 'auto') root.removeAttribute('data-theme');
  else root.setAttribute('data-theme', settings.theme);
  root.style.setProperty('--scale', SCALE[settings.font]);
  root.setAttribute('data-hand', settings.hand);
  root.lang = settings.lang;
  if (say.lang() !== settings.lang) say.setLang(settings.lang);
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Not remembered: it still holds for this page.
  }
}

function remembered(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(KEY) || '{}') as Partial<Settings>;
  } catch {
    return {};
  }
}
