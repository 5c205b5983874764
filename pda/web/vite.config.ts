// The scanner's app: base /pda/, one modern build that a WebView 66 can read. No legacy bundle.
import vue from '@vitejs/plugin-vue';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { serviceWorker } from './sw-plugin.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };

export default defineConfig({
  base: '/pda/',
  plugins: [vue(), serviceWorker(root)],
  define: { __VUE_OPTIONS_API__: 'false', __BUILT__: JSON.stringify(process.env.JIELI_BUILD || version) },
  build: {
    target: ['chrome66'],
    cssTarget: ['chrome66'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8600', '/ws': { target: 'ws://127.0.0.1:8600', ws: true } } },
  // A cold machine takes seconds to compile the screens that a file's first test opens.
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'], testTimeout: 20_000 },
});
