// The program that Python starts: one line of JSON in, one out. It plays the days it is given; a
// line it sends itself asks for something only the server's side can do.

import './globals.ts';
import { createInterface } from 'node:readline';
import { Day } from './day.ts';
import type { Stage } from './hands.ts';

const OVER = ['AbortError', 'InvalidStateError', 'TransactionInactiveError'];

export async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const read = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    return done ? null : JSON.parse(value as string);
  };
  const say = (words: object): void => void process.stdout.write(`${JSON.stringify(words)}\n`);
  let errors: string[] = [];
  process.on('unhandledRejection', (why) => {
    // Only a killed tab leaves work behind that nobody waits for.
    if (OVER.indexOf((why as Error).name) < 0) errors.push(String((why as Error).stack ?? why));
  });
  for (;;) {
    const given = (await read()) as { seed: number; base: string; stage: Stage } | null;
    if (!given) return;
    errors = [];
    const day = new Day(given.seed, given.base, given.stage, async (question) => {
      say(question);
      return read();
    });
    const report = await day.play().catch((why: Error) => ({
      seed: given.seed, entries: [], photos: [], hands: [], colleague: day.colleague, counts: {},
      errors: [String(why.stack ?? why)],
    }));
    say({ do: 'report', report: { ...report, errors: [...(report as { errors: string[] }).errors, ...errors] } });
  }
}
