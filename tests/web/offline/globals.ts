// What a page has and Node has not. Imported first. Not for faults: net.ts, tab.ts.
import { setMaxListeners } from 'node:events';
import 'fake-indexeddb/auto';

const nothing = Object.assign(new EventTarget(), { hidden: false });
setMaxListeners(0, nothing); // every tab of the run listens
const kept = new Map<string, string>();
const storage = {
  getItem: (key: string): string | null => kept.get(key) ?? null,
  setItem: (key: string, value: string): void => void kept.set(key, value),
};
/** The channels that are opened while this is set belong to that tab. */
export const opening: { channels: BroadcastChannel[]; device: string } = {
  channels: [], device: '',
};
const Channel = globalThis.BroadcastChannel;

/** Tabs of one device hear each other, tabs of another device do not. */
class DeviceChannel extends Channel {
  constructor(name: string) {
    super(`${name} ${opening.device}`);
    opening.channels.push(this);
  }
}

Object.assign(globalThis, {
  window: globalThis.window ?? nothing, document: nothing, sessionStorage: storage,
  localStorage: storage, BroadcastChannel: DeviceChannel,
});
