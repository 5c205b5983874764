// Whatever the wire sends, the server takes: held to frames.json, which Python made.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import text from '../../../tests/client_vectors/frames.json?raw';
import { draftId, isOperationId, stepId } from './ids.ts';
import { FakeClock } from './testing/clock.ts';
import { floor, task, type Floor } from './testing/floor.ts';
import { LINE, scan, tap } from './testing/ops.ts';

interface Document {
  version: number;
  max_bytes: number;
  operation_id: string;
  frames: { [kind: string]: { [field: string]: boolean } };
}
const protocol = JSON.parse(text) as Document;
let it: Floor;
let clock: FakeClock;

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  sessionStorage.clear();
  clock = new FakeClock();
  it = await floor(clock);
});
afterEach(() => it.wire.stop());

test('every kind of frame is sent, with known fields, and none is missing', async () => {
  it.wire.setView(LINE);
  await it.wire.post(scan('A-03-2', { symbology: ']C1', inputs: { quantity: '2' } }));
  await it.wire.post(scan('A-03-2'));
  await it.wire.post(tap('confirm'));
  await it.wire.post(tap('open', { flow: 'receive', state: '', context: {} }));
  await it.wire.post({ t: 'act', id: draftId(), task_id: 'T-1', generation: 2, action: 'take' });
  void it.wire.ask(tap('open', { flow: 'receive' })).catch(() => undefined);
  const look = { t: 'look' as const, id: draftId(), flow: 'receive', action: 'open' };
  void it.wire.ask({ ...look, inputs: {} }).catch(() => undefined);
  it.server.tell(task('T-1'));
  await clock.run(12_000, 200);
  it.server.cut();
  await clock.run(2_000, 200);
  void it.wire.signOut();
  await clock.run(100);

  const kinds = new Set(it.server.heard.map((each) => each.t));
  expect(Array.from(kinds).sort()).toEqual(Object.keys(protocol.frames).sort());
  for (const frame of it.server.heard) {
    const fields = protocol.frames[frame.t] ?? {};
    const sent = Object.keys(frame);
    expect(sent.filter((name) => !(name in fields)), frame.t).toEqual([]);
    const needed = Object.keys(fields).filter((name) => fields[name]);
    expect(needed.filter((name) => sent.indexOf(name) < 0), frame.t).toEqual([]);
    if ('id' in frame) expect(frame.id).toMatch(new RegExp(protocol.operation_id));
    if ('v' in frame) expect(frame.v).toBe(protocol.version);
  }
});

test('an operation id is what the server takes for one', () => {
  const made = [draftId(0), draftId(), stepId('T-1', '收货/确认', 3, 7), 'ab', 'a b c d e',
    'x'.repeat(81)];
  const pattern = new RegExp(protocol.operation_id);
  expect(made.map(isOperationId)).toEqual(made.map((each) => pattern.test(each)));
  expect(made.map(isOperationId)).toEqual([true, true, true, false, false, false]);
});
