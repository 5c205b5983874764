// A screen's draft: saved to the disk after every scan and tap, back again after a dead battery.
//   const { draft, set, load, drop } = useDraft('receive/42', fresh())
import { shallowRef, type ShallowRef } from 'vue';
import { sayProblem, shelf } from './live.ts';

export interface Kept<D> {
  draft: ShallowRef<D>;
  set(next: D): void;
  load(): Promise<boolean>;
  drop(next: D): void;
  /** Resolves when the last change is on disk. */
  settled(): Promise<void>;
}

export function useDraft<D>(key: string, start: D): Kept<D> {
  const draft = shallowRef(start) as ShallowRef<D>;
  let writing: Promise<void> = Promise.resolve();
  function write(work: () => Promise<void>): void {
    writing = writing.then(work).catch(sayProblem);
  }
  return {
    draft,
    set(next) {
      draft.value = next;
      const copy = JSON.parse(JSON.stringify(next)) as D;
      write(() => shelf.put('draft', key, copy));
    },
    async load() {
      const found = await shelf.get<D>('draft', key);
      if (found !== undefined) draft.value = found;
      return found !== undefined;
    },
    drop(next) {
      draft.value = next;
      write(() => shelf.drop('draft', key));
    },
    settled: () => writing,
  };
}
