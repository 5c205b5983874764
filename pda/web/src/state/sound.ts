// Tones made by WebAudio, no files: ok one short high, again two middle, error three low and a shake.
// The first tap unlocks them (browsers want a gesture). Not for when they sound.
import type { Sound } from '../flows/judgement.ts';
import { settings } from './settings.ts';

const PLAN: { [sound: string]: [times: number, hertz: number] } = {
  ok: [1, 1320],
  again: [2, 660],
  error: [3, 220],
};
const SHAKE: { [sound: string]: number[] } = { again: [80], error: [200, 80, 200] };
type Shell = Window & { webkitAudioContext?: typeof AudioContext };
let audio: AudioContext | null = null;

export function unlockSound(): void {
  const Maker = window.AudioContext || (window as Shell).webkitAudioContext;
  if (!Maker) return;
  audio = audio || new Maker();
  if (audio.state === 'suspended') void audio.resume();
}

export function play(sound: Sound): void {
  const shake = SHAKE[sound];
  // Vibrating before the first tap only earns a warning.
  if (shake && audio && navigator.vibrate) navigator.vibrate(shake);
  const plan = PLAN[sound];
  if (!plan || !settings.sound || !audio) return;
  for (let i = 0; i < plan[0]; i += 1) tone(audio, plan[1], audio.currentTime + i * 0.15);
}

function tone(on: AudioContext, hertz: number, at: number): void {
  const source = on.createOscillator(),
    level = on.createGain();
  source.frequency.value = hertz;
  level.gain.value = 0.25;
  source.connect(level);
  level.connect(on.destination);
  source.start(at);
  source.stop(at + 0.1);
}
