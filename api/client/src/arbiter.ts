// One scan may reach the page through two channels; the arbiter lets it through once. The same code
// again from a channel that has told this scan already is another scan. Pure, given the moment.

export type Channel = 'keys' | 'text' | 'shell' | 'camera';

export const TWIN_MS = 300;

interface Recent { code: string; at: number; told: Channel[] }

export class Arbiter {
  #recent: Recent[] = [];

  /** Whether `code`, heard on `channel` at `at`, is a scan of its own. */
  admit(code: string, channel: Channel, at: number): boolean {
    const bare = bareOf(code);
    this.#recent = this.#recent.filter((each) => at - each.at <= TWIN_MS);
    const twin = this.#recent.find(
      (each) => each.code === bare && each.told.indexOf(channel) < 0,
    );
    if (twin) {
      twin.told.push(channel);
      return false;
    }
    this.#recent.push({ code: bare, at, told: [channel] });
    return true;
  }
}

/** Separators get lost in one channel and not in the other. */
function bareOf(code: string): string {
  // eslint-disable-next-line no-control-regex
  return code.replace(/[\u0000-\u001f]/g, '');
}
