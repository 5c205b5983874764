// Tests of the shared client run without a browser: happy-dom for events, fake-indexeddb to store.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['src/**/*.test.ts'], environment: 'happy-dom', restoreMocks: true, css: true },
});
