// Photos go up by themselves, after the text, and are hung on the task their operation names.
//   waiting → uploaded (POST /api/files) → done (in its operation, or POST …/{task}/attachments)
// Every request carries a key made from the photo's, so a repeat changes nothing. Not for bytes.

import type { Clock } from './clock.ts';
import { isWaiting } from './entries.ts';
import type { PhotoRow, Photos } from './photos.ts';
import { isInside, taskOf } from './proof.ts';
import type { Queue } from './queue.ts';

export { taskOf };

const FIRST_WAIT_MS = 2_000;
const MOST_WAIT_MS = 60_000;
const TOO_LONG_MS = 90_000;

export interface UploadOptions {
  api: string;
  queue: Queue;
  photos: Photos;
  clock: Clock;
  fetch: typeof fetch;
  /** Who may upload now, with which session; null: nobody, or the text goes first. */
  session: () => { person: number; token: string } | null;
  changed: () => void;
  /** A file is there: an operation that waited for it may go. */
  uploaded: () => void;
}

type Outcome = 'on' | 'later';

export class Uploader {
  #running = false;
  #again = false;
  #failures = 0;
  #cancel: () => void = () => undefined;

  constructor(readonly options: UploadOptions) {}

  /** Something may go up. Safe to call at any time. */
  kick(): void {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    this.#cancel();
    this.#run().then(() => this.#ended(), () => this.#ended());
  }

  stop(): void {
    this.#cancel();
  }

  #ended(): void {
    this.#running = false;
    if (this.#again) this.kick();
  }

  async #run(): Promise<void> {
    this.#again = false;
    for (const row of await this.options.photos.list()) {
      const session = this.options.session();
      if (!session) return;
      if (row.by !== session.person) continue;
      const outcome = await this.#advance(row, session.token).catch((): Outcome => 'later');
      this.options.changed();
      if (outcome === 'later') {
        const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, MOST_WAIT_MS);
        this.#failures += 1;
        this.#cancel = this.options.clock.after(wait, () => this.kick());
        return;
      }
      this.#failures = 0;
    }
  }

  async #advance(row: PhotoRow, token: string): Promise<Outcome> {
    let now = row;
    if (now.state === 'waiting') {
      const up = await this.#upload(now, token);
      if (!up) return 'later';
      now = up;
    }
    return now.state === 'uploaded' || now.state === 'homeless' ? this.#hang(now, token) : 'on';
  }

  async #upload(row: PhotoRow, token: string): Promise<PhotoRow | undefined> {
    const bytes = await this.options.photos.bytes(row.key);
    if (!bytes) return this.options.photos.update(row.key, { state: 'failed', problem: '照片不在了' });
    const form = new FormData();
    form.append('file', new Blob([bytes], { type: row.type }), row.name);
    const answer = await this.#post('/api/files', token, `file-${row.key}`, form);
    if (!answer) return undefined;
    if (!answer.ok) return this.#refused(row, answer);
    const file = (await answer.json()) as { id: string };
    const kept = await this.options.photos.update(row.key, { state: 'uploaded', fileId: file.id });
    this.options.uploaded();
    return kept;
  }

  async #hang(row: PhotoRow, token: string): Promise<Outcome> {
    const entry = row.op ? await this.options.queue.get(row.op) : undefined;
    if (entry && (isWaiting(entry) || entry.state === 'refused')) return 'on'; // its time comes
    if (!row.op && !row.task) return 'on'; // the form is still open
    if (entry?.state === 'sent' && isInside(entry, row.fileId)) {
      await this.options.photos.update(row.key, { state: 'done' });
      return 'on';
    }
    const task = row.task ?? (entry?.reply ? taskOf(entry.reply) : null);
    if (!task) {
      await this.options.photos.update(row.key, { state: 'homeless' });
      return 'on';
    }
    const body = JSON.stringify({ file_id: row.fileId, note: row.note });
    const path = `/api/tasks/${encodeURIComponent(task)}/attachments`;
    const answer = await this.#post(path, token, `hang-${row.key}`, body);
    if (!answer) return 'later';
    if (answer.ok) await this.options.photos.update(row.key, { state: 'done', task });
    else if (!(await this.#refused(row, answer))) return 'later';
    return 'on';
  }

  /** The answer; undefined: no network, or the server asks for patience. */
  async #post(
    path: string, token: string, key: string, body: BodyInit,
  ): Promise<Response | undefined> {
    const stop = typeof AbortController === 'undefined' ? null : new AbortController();
    const cancel = this.options.clock.after(TOO_LONG_MS, () => stop?.abort());
    const headers: Record<string, string> = {
      Authorization: `Bearer ${token}`, 'Idempotency-Key': key,
    };
    if (typeof body === 'string') headers['Content-Type'] = 'application/json';
    try {
      const answer = await this.options.fetch(this.options.api + path,
        { method: 'POST', body, headers, ...(stop ? { signal: stop.signal } : {}) });
      const later = answer.status >= 500 || [401, 408, 425, 429].indexOf(answer.status) >= 0;
      return later ? undefined : answer;
    } finally {
      cancel();
    }
  }

  async #refused(row: PhotoRow, answer: Response): Promise<PhotoRow | undefined> {
    const problem = (await answer.json().catch(() => null)) as { detail?: string } | null;
    const why = problem?.detail ?? `照片没传上去：服务器回答 ${answer.status}。重拍一张，或找主管。`;
    return this.options.photos.update(row.key, { state: 'failed', problem: why });
  }
}
