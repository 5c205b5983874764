// How what the hands did becomes the frame that is sent: on the screen's own memory if nothing is
// unanswered, else after the scan before it, so ten scans in two seconds need no waiting. Pure.

import type { Entry } from './entries.ts';
import type { Inputs, OpFrame, View } from './frames.ts';

/**
 * The frame of `entry`; null: it must wait for the answer of `before`, the operation of the same
 * screen before it. `files` are the ids of its photos that the server has.
 */
export function frameOf(
  entry: Entry, before: Entry | undefined, view: View | null, files: string[],
): OpFrame | null {
  const frame = { ...entry.op, by: entry.by, at: entry.at } as OpFrame;
  if (frame.t === 'submit' && entry.late) frame.late = true;
  const inputs = withPhotos(entry, files);
  if (inputs) frame.inputs = inputs;
  if (frame.t === 'act' || frame.flow !== undefined) return frame;
  if (before) {
    // A tap changes the screen, and a refused one is not kept: what follows waits for its answer.
    if (before.op.t !== 'scan' || !before.frame) return null;
    frame.after = before.id;
    if (frame.t === 'submit') frame.flow = '';
    return frame;
  }
  return Object.assign(frame, view ?? { flow: 'lookup', state: '', context: {} });
}

function withPhotos({ op, photoField }: Entry, files: string[]): Inputs | null {
  if (!files.length) return null;
  const given = op.inputs ?? {};
  if (photoField !== 'photos') return { ...given, [photoField]: files[0] as string };
  const before = Array.isArray(given.photos) ? given.photos : [];
  return { ...given, photos: before.concat(files) };
}

/** The screen `entry` was made on, or left behind by its answer; null: its frame does not say. */
export function screenOf(entry: Entry): View | null {
  const { reply, frame, op } = entry;
  if (reply && reply.flow) {
    return { flow: reply.flow, state: reply.next_state, context: reply.context };
  }
  const said = frame ?? op;
  if (said.t === 'act' || !said.flow) return null;
  return { flow: said.flow, state: said.state ?? '', context: said.context ?? {} };
}
