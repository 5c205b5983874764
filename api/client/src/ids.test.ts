// The same step is the same operation, on every tap, tab and restart; other steps are others.
import { afterEach, expect, test, vi } from 'vitest';
import { draftId, stepId } from './ids.ts';

afterEach(() => vi.unstubAllGlobals());

test('the same step has the same id, whatever the types of its parts', () => {
  expect(stepId('T-1', 'receive', 3, 7)).toBe(stepId('T-1', 'receive', '3', '7'));
  // sha-256 of ["T-1","receive","3","7"], so that no version of this file changes an id
  expect(stepId('T-1', 'receive', 3, 7)).toBe('s-a69694ffe11f7a65f32022cb92d5b825e87e49f4');
});

test('another task, step, version or device is another operation', () => {
  const ids = [stepId('T-1', 'receive', 3, 7), stepId('T-2', 'receive', 3, 7),
    stepId('T-1', 'putaway', 3, 7), stepId('T-1', 'receive', 4, 7), stepId('T-1', 'receive', 3, 8),
    stepId('T-1r', 'eceive', 3, 7), stepId('T-1', 'receive', 37, '')];
  expect(new Set(ids).size).toBe(ids.length);
});

test('drafts never meet, and lie in the order of their making', () => {
  const many = Array.from({ length: 2_000 }, (_, at) => draftId(1_772_000_000_000 + at));
  expect(new Set(many).size).toBe(2_000);
  expect(many.slice().sort()).toEqual(many);
  expect(draftId(5)).not.toBe(draftId(5));
});

test('plain http and old browsers have what it takes', async () => {
  vi.stubGlobal('BigInt', undefined);
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
  vi.resetModules();
  const again = await import('./ids.ts');
  expect(again.stepId('T-1', 'receive', 3, 7)).toBe(stepId('T-1', 'receive', 3, 7));
  expect(again.isOperationId(again.draftId())).toBe(true);
});
