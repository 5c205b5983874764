// What the server answers to the facts of an open screen: its pack becomes the server's own word,
// unless more facts of this flow are still on their way and the answer is older than the hands.
import { onBeforeUnmount, onMounted } from 'vue';
import type { Inputs, Reply } from '@jieli/client/frames';
import type { Entry } from '@jieli/client/queue';
import { sayProblem, wire } from './live.ts';
import { keepPack, pack } from './packs.ts';

export function onAnswer(flow: string, hear: (reply: Reply, entry: Entry) => void): void {
  let stop: () => void = () => undefined;
  onMounted(() => {
    stop = wire.onReply((reply, entry) => {
      if (entry.op.t === 'submit' && entry.op.flow === flow) hear(reply, entry);
    });
  });
  onBeforeUnmount(() => stop());
}

interface Options {
  hear?: (reply: Reply) => void;
  /** The server's word with the facts (their inputs) that it has not heard of yet; without it an
   * answer that is older than the hands is passed over. */
  merge?: (local: Inputs, told: Inputs, ahead: Inputs[]) => object;
}

/** `isMine`: whether an answer is about the pack of this screen. */
export function useServersWord(
  key: string,
  flow: string,
  isMine: (data: Inputs) => boolean,
  options: Options = {},
): void {
  onAnswer(flow, (reply) => {
    if (!reply.ok || !reply.data || !isMine(reply.data)) return;
    if (options.hear) options.hear(reply);
    void take(key, flow, reply.id, reply.data, options).catch(sayProblem);
  });
}

async function take(key: string, flow: string, id: string, told: Inputs, options: Options) {
  const ahead: Inputs[] = [];
  for (const each of await wire.queue.list()) {
    const mine = each.op.t === 'submit' && each.op.flow === flow && each.id !== id;
    if (mine && each.state === 'waiting' && 'inputs' in each.op) ahead.push(each.op.inputs || {});
  }
  const local = pack<Inputs>(key);
  if (!ahead.length) await keepPack(key, flow, told);
  else if (options.merge && local) await keepPack(key, flow, options.merge(local, told, ahead));
}
