// Scans of this page go to the screen on top; while a hard stop is up they are heard, not counted.
//   onScan((scan) => …) inside a screen
// Not for what a code means.
import { onBeforeUnmount, onMounted, watch } from 'vue';
import { createScanBus, makeCatcher, type Scan, type ScanBus } from '@jieli/client/scanbus';
import { band, tellText } from './feedback.ts';
import { live } from './live.ts';
import { lacksPack } from './packs.ts';
import { play } from './sound.ts';
import { say } from '../words/index.ts';

type Hear = (scan: Scan) => void;
const hearers: Hear[] = [];
export let bus: ScanBus;
/** A code that was scanned on one screen and belongs to the next. */
let handedOver = '';
/** The code of an enrolment link: only the screen of a page that is no device takes it. */
let enrolment = '';

export function startScanner(): void {
  bus = createScanBus();
  bus.hear((scan) => {
    const began = performance.now();
    const hear = hearers[hearers.length - 1];
    if (band.stop) play('error');
    else if (hear) hear(scan);
    // Heard by whoever measures: from the code to sound and band, on this device.
    (window as Window & { __lastScanMs?: number }).__lastScanMs = performance.now() - began;
  });
  bus.attach(makeCatcher(document));
}

export function onScan(hear: Hear): void {
  onMounted(() => {
    hearers.push(hear);
    bus.focus();
  });
  onBeforeUnmount(() => {
    const at = hearers.indexOf(hear);
    if (at >= 0) hearers.splice(at, 1);
  });
}

/** As onScan, but what is scanned while the screen is not ready (its pack is on the way, a fact is
 * being written) waits in order instead of being lost. Where no pack is on the way it is refused,
 * and so is what waited for one that did not come. The result lets them through. */
export function onScanWhen(ready: () => boolean, hear: (code: string) => void): () => void {
  const held: string[] = [];
  function drain(): void {
    while (held.length && ready()) hear(held.shift()!);
  }
  onScan((scan) => {
    held.push(scan.code);
    if (!ready() && lacksPack()) refuse();
    else if (!ready()) play('ok');
    drain();
  });
  function refuse(): void {
    held.length = 0;
    tellText('error', say.t('noPack'), 'no_pack');
  }
  watch(ready, () => drain());
  watch(lacksPack, (lacks) => {
    if (lacks && held.length && !ready()) refuse();
  });
  return drain;
}

export function handOver(code: string): void {
  handedOver = code;
}

/** An enrolment link: at the start of the page, or opened in it later (then as if it were scanned). */
export function takeEnrolmentLinks(): void {
  enrolment = codeIn(location.href);
  window.addEventListener('hashchange', (change) => {
    const code = codeIn(change.newURL);
    if (code && !live.device) bus.inject(code);
  });
}

function codeIn(address: string): string {
  const link = /#\/?enrol=(.+)$/.exec(address);
  if (!link) return '';
  history.replaceState(null, '', location.pathname); // a code must not stay in the address
  try {
    return decodeURIComponent(link[1]!);
  } catch {
    return link[1]!; // no code of ours; whoever enrols is told so
  }
}

export function takeOver(): string {
  const code = live.device ? handedOver : enrolment;
  if (live.device) handedOver = '';
  else enrolment = '';
  return code;
}
