// Writes src/types.ts from the server's OpenAPI document: npm run types -w api/client
// The generator is fetched at its exact version when the API changed, not installed for everybody:
// it wants TypeScript 5 beside it, and this workspace has 6. Whether types.ts is stale is told by
// tests/client_vectors/test_types_are_fresh.py, which needs neither Node nor a network.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GENERATOR = ['openapi-typescript@7.13.0', 'typescript@5.9.3'];

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const ours = join(root, '.venv', 'bin', 'python');
const python = process.env.PYTHON ?? (existsSync(ours) ? ours : 'python3');
const scratch = mkdtempSync(join(tmpdir(), 'types-'));
try {
  const document = execFileSync(python, ['-m', 'tests.client_vectors.openapi_document'],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  const from = join(scratch, 'openapi.json');
  const to = join(scratch, 'types.ts');
  writeFileSync(from, document);
  const packages = GENERATOR.map((each) => `--package=${each}`);
  execFileSync('npm', ['exec', '--yes', ...packages, '--', 'openapi-typescript', from, '-o', to],
    { cwd: scratch, stdio: ['ignore', 'ignore', 'inherit'] });
  const body = readFileSync(to, 'utf8');
  const sha = (text) => createHash('sha256').update(text).digest('hex');
  const head = '// The HTTP doors as types, made by `npm run types -w api/client`. Do not edit.\n'
    + `// openapi ${sha(document)}\n// body ${sha(body)}\n`;
  writeFileSync(join(here, '..', 'src', 'types.ts'), head + body);
} finally {
  rmSync(scratch, { recursive: true });
}
