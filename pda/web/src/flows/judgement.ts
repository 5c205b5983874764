// What a model answers to one scan or tap: the new draft, what to say, and what comes next.
// Shared by all flows. Not for words: those are in words/.

import { say, type Key } from '../words/index.ts';

/** ok counted · again look twice · ask the same once more · error nothing was done */
export type Level = 'ok' | 'info' | 'warn' | 'ask' | 'error';
export type Sound = 'ok' | 'again' | 'error' | '';

export interface Said {
  level: Level;
  text: string;
  sound: Sound;
  code: string;
  hard: boolean;
}

/** `ask-server`: this device does not know the code. `book`: everything is there, make the operation. */
export type Next = '' | 'book' | 'ask-server';

export interface Judged<D> {
  draft: D;
  said: Said;
  next: Next;
}

const SOUNDS: { [level in Level]: Sound } = {
  ok: 'ok',
  info: 'ok',
  warn: 'again',
  ask: 'again',
  error: 'error',
};

export function said(level: Level, text: string, code = '', hard = false): Said {
  return { level, text, sound: SOUNDS[level], code, hard };
}

export function judged<D>(draft: D, words: Said, next: Next = ''): Judged<D> {
  return { draft, said: words, next };
}

/** A code nobody on this device knows: the server is asked, or it is kept in a list. */
export function unknown<D>(draft: D, code: string): Judged<D> {
  return judged(
    draft,
    said('error', say.t('unknownCode', { code: short(code) }), 'unknown_code'),
    'ask-server',
  );
}

export function short(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}…`;
}

export function wrongStep<D>(draft: D, what: Key, wanted: Key): Judged<D> {
  return judged(
    draft,
    said(
      'error',
      say.t('wrongStep', { what: word(what), wanted: word(wanted) }),
      'unexpected_scan',
    ),
  );
}

function word(key: Key): string {
  return (say.t as (name: string) => string)(key);
}
