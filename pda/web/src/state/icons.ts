// State has a shape and a word, never colour alone. Not for pictures: these are characters.
import type { Level } from '../flows/judgement.ts';

export const SHAPES: { [level in Level]: string } = {
  ok: '✓',
  info: 'ⓘ',
  warn: '△',
  ask: '?',
  error: '✕',
};
