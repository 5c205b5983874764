// Starts the scanner's app: settings, scanner, connection, then the screens. Read this first.
import { createApp } from 'vue';
import '@jieli/client/tokens.css';
import './theme.css';
import App from './App.vue';
import { router } from './router.ts';
import { fetchWhatIsHeld } from './state/holding.ts';
import { live, sayProblem, startLive } from './state/live.ts';
import { loadPacks } from './state/packs.ts';
import { startScanner, takeEnrolmentLinks } from './state/scanner.ts';
import { applySettings } from './state/settings.ts';
import { unlockSound } from './state/sound.ts';
import { loadStrange } from './state/unknown.ts';
import { watchUpdates } from './state/updates.ts';

async function start(): Promise<void> {
  applySettings();
  takeEnrolmentLinks();
  startScanner();
  document.addEventListener('click', unlockSound, true);
  await startLive();
  if (!live.broken) await Promise.all([loadPacks(), loadStrange()]).catch(sayProblem);
  createApp(App).use(router).mount('#app');
  watchUpdates();
  fetchWhatIsHeld();
}

void start();
