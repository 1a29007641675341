import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { removeStaleOutputs, tarballName } from './pack.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doug-pack-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function lay(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), '');
  }
}

it('removes the outputs of sources that are gone, and nothing else', () => {
  const kept = [
    'dist/a/b.js',
    'dist/a/b.d.ts.map',
    'dist/lib.tsbuildinfo',
    'dist/spec/test/x.d.ts',
  ];
  const stale = ['a/gone.d.ts', 'a/gone.d.ts.map', 'a/gone.js', 'a/gone.js.map'];
  lay('src/a/b.ts', ...kept, ...stale.map((path) => `dist/${path}`));
  expect([...removeStaleOutputs(directory)].sort()).toEqual(stale);
  for (const path of kept) expect(existsSync(join(directory, path))).toBe(true);
  for (const path of stale) expect(existsSync(join(directory, 'dist', path))).toBe(false);
  expect(removeStaleOutputs(directory)).toEqual([]);
});

it('does nothing where nothing was built', () => {
  expect(removeStaleOutputs(directory)).toEqual([]);
});

it.each([
  ['@dougdb/wal', 'dougdb-wal-0.1.0.tgz'],
  ['doug-node', 'doug-node-0.1.0.tgz'],
])('names the tarball of %s as npm does', (name, file) => {
  const manifest = { name, version: '0.1.0' };
  expect(tarballName({ folder: 'packages/x', path: '/x', manifest })).toBe(file);
});
