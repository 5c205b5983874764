// What the app says: one band with shape, word, colour and sound. A hard stop blocks scanning until
// somebody has seen it. Not for the words themselves.
import { shallowReactive } from 'vue';
import type { Message } from '@jieli/client/frames';
import { said, type Level, type Said } from '../flows/judgement.ts';
import { say } from '../words/index.ts';
import { play } from './sound.ts';

export const band = shallowReactive<{ said: Said | null; stop: Said | null; n: number }>({
  said: null,
  stop: null,
  n: 0,
});

const JUST_NOW_MS = 500;
let told = 0;

function show(words: Said): void {
  band.said = words;
  band.n += 1;
  told = performance.now();
}

export function tell(words: Said): void {
  play(words.sound);
  show(words);
  if (words.hard) band.stop = words;
}

export function tellText(level: Level, text: string, code = ''): void {
  tell(said(level, text, code));
}

/** The server's sentence in the chosen language. */
export function tellMessage(message: Message, quietly = false): void {
  const words = said(message.level, say.pick(message), message.code);
  if (quietly) show(words);
  else tell(words);
}

/** Another screen: what was said belongs to the one before, unless it was said on leaving it. */
export function hush(): void {
  if (performance.now() - told > JUST_NOW_MS) band.said = null;
}

/** It is not so any more; whatever was said since stays. */
export function unsay(words: Said): void {
  if (band.said === words) band.said = null;
}

export function acknowledgeStop(): void {
  band.stop = null;
}
