// Makes src/gen from the .proto files: messages by ts-proto, and the descriptor set for reflection.
// With --check it makes them in a temporary directory and fails if src/gen differs. Run it through
// npm (`npm run generate`, `npm run check:generated`): that puts buf and its plugin on the PATH.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');

/** @param {string} out - directory that gets src/gen */
function generate(out) {
  const buf = (...args) =>
    execFileSync('buf', args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  buf('generate', '-o', out);
  const descriptors = buf('build', '--as-file-descriptor-set', '--exclude-source-info', '-o', '-');
  const lines = descriptors.toString('base64').match(/.{1,96}/g);
  const source = [
    '// Generated from the .proto files. DO NOT EDIT.',
    '',
    '/** A google.protobuf.FileDescriptorSet of all services, in base64. */',
    'export const fileDescriptorSetBase64 =',
    lines.map((line) => `  '${line}'`).join(' +\n'),
  ].join('\n');
  writeFileSync(join(out, 'src/gen/descriptors.ts'), `${source};\n`);
}

/** @returns {Map<string, string>} text of every file below a directory, by relative path */
function read(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((f) =>
    f.isFile(),
  );
  return new Map(
    files.map((file) => {
      const path = join(file.parentPath, file.name);
      return [relative(dir, path), readFileSync(path, 'utf8')];
    }),
  );
}

function check() {
  const out = mkdtempSync(join(tmpdir(), 'dougdb-gen-'));
  try {
    generate(out);
    const wanted = read(join(out, 'src/gen'));
    const found = read(join(root, 'src/gen'));
    const paths = new Set([...wanted.keys(), ...found.keys()]);
    const drifted = [...paths].filter((path) => wanted.get(path) !== found.get(path));
    if (drifted.length > 0) {
      console.error(`src/gen is not what the .proto files say: ${drifted.join(', ')}`);
      console.error('run: npm run generate -w @dougdb/rpc-proto');
      process.exitCode = 1;
    } else {
      console.log(`src/gen is up to date (${wanted.size} files)`);
    }
  } finally {
    rmSync(out, { recursive: true });
  }
}

if (process.argv.includes('--check')) check();
else generate(root);
