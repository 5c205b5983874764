// Writes sw.js after the build: the template with the list of files and a name made from them.
// Not for caching rules: those are in sw.template.js.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** Loaded when they are needed, and kept from then on. */
const LAZY = /camera|reader|zxing|\.wasm$/;

export function serviceWorker(root: string): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    generateBundle(_options, bundle) {
      const shell = readdirSync(join(root, 'public'));
      const built = Object.keys(bundle).filter((name) => !LAZY.test(name));
      const digest = createHash('sha256');
      for (const name of shell) digest.update(readFileSync(join(root, 'public', name)));
      for (const name of built) {
        const file = bundle[name];
        if (file) digest.update(file.type === 'chunk' ? file.code : file.source);
      }
      const template = readFileSync(join(root, 'sw.template.js'), 'utf8');
      digest.update(template);
      const files = [...new Set(['index.html', ...built, ...shell])].sort();
      const source = template
        .replace('__NAME__', JSON.stringify(`pda-${digest.digest('hex').slice(0, 16)}`))
        .replace('__FILES__', JSON.stringify(files));
      this.emitFile({ type: 'asset', fileName: 'sw.js', source });
    },
  };
}
