// Labels as PDF, drawn by the server and opened in a new page; where that is not allowed it is saved.
// Not for which printer: that is the system's print dialogue.
import { live, sayProblem, wire } from './live.ts';
import { tellText } from './feedback.ts';
import { say } from '../words/index.ts';

export interface LabelWish {
  kind: 'package' | 'item' | 'lot' | 'bin' | 'wave';
  codes?: string[];
  ids?: number[];
  item_id?: number;
}
const KEEP_MS = 60_000;

/** Call it from a tap: only then may a page be opened. */
export async function printLabel(wish: LabelWish): Promise<void> {
  if (live.link === 'offline') return tellText('error', say.t('labelOffline'), 'offline');
  const page = window.open('', '_blank');
  try {
    const answer = await wire.request('/api/labels', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...wish, format: 'pdf' }),
    });
    if (!answer.ok) {
      const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
      throw new Error(problem.detail || String(answer.status));
    }
    show(page, await answer.blob(), wish);
  } catch (problem) {
    if (page) page.close();
    sayProblem(problem);
  }
}

function show(page: Window | null, pdf: Blob, wish: LabelWish): void {
  const url = URL.createObjectURL(pdf);
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
  if (page) {
    page.location.href = url;
    tellText('ok', say.t('labelReady'));
    return;
  }
  const link = document.createElement('a');
  link.href = url;
  link.download = `${wish.kind}-${(wish.codes || wish.ids || []).join('-')}.pdf`;
  link.click();
  tellText('ok', say.t('labelSaved'));
}
