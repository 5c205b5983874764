// Photos that are not wanted after all: taken back, or their draft given up. Not for a photo that
// proves recorded work or hangs on a task: that stays.
import { sayProblem, wire } from '../state/live.ts';

export async function dropPhotos(keys: string[]): Promise<void> {
  try {
    for (const key of keys) {
      const row = await wire.photos.get(key);
      const proves = row && row.op && row.state !== 'homeless';
      if (row && !row.task && !proves) await wire.photos.drop(key);
    }
    if (keys.length) await wire.acknowledge(keys[0]!); // counted anew, in every tab
  } catch (problem) {
    sayProblem(problem);
  }
}
