// The app's sentences in the chosen language: say.t('counted', { item, n, left }).
import { makeI18n } from '@jieli/client/i18n';
import { en } from './en.ts';
import { zh } from './zh.ts';

export const say = makeI18n({ 'zh-CN': zh, en });
export type Key = keyof typeof zh;
