// Starts the program in day.ts: vite's runner reads the TypeScript of the client as it is.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const { module } = await runnerImport(`${root}main.ts`, { root, logLevel: 'error', configFile: false });
await module.main();
process.exit(0);
