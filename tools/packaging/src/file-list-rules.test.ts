import { fileListProblems } from './file-list-rules.js';

const manifest = {
  name: '@dougdb/wal',
  version: '0.1.0',
  exports: {
    '.': {
      '@dougdb/source': './src/log/index.ts',
      types: './dist/log/index.d.ts',
      default: './dist/log/index.js',
    },
    './package.json': './package.json',
  },
  bin: { wal: './bin/wal.mjs' },
};
const map = JSON.stringify({ sources: ['../../src/log/index.ts'] });
const good: Readonly<Record<string, string>> = {
  'package.json': '{}',
  LICENSE: 'text',
  'README.md':
    '# @dougdb/wal\n\n[format](FORMAT.md#head), [Node](https://nodejs.org), [below](#x)\n',
  'CHANGELOG.md': '## 0.1.0\n\nFirst version.\n',
  'FORMAT.md': '# Files',
  'bin/wal.mjs': '#!/usr/bin/env node\n',
  'src/log/index.ts': 'export {};',
  'dist/log/index.js': 'export {};\n//# sourceMappingURL=index.js.map\n',
  'dist/log/index.js.map': map,
  'dist/log/index.d.ts': 'export {};\n//# sourceMappingURL=index.d.ts.map',
  'dist/log/index.d.ts.map': map,
};

/** Problems of the good package with files added, changed or (null) taken away. */
function problems(change: Record<string, string | null>): readonly string[] {
  const files = Object.entries({ ...good, ...change }).filter(([, text]) => text !== null);
  const texts = new Map(files as [string, string][]);
  return fileListProblems({
    manifest,
    paths: [...texts.keys()],
    read: (path) => texts.get(path) as string,
    documents: ['README.md', 'LICENSE', 'CHANGELOG.md', 'FORMAT.md'],
  });
}

it('accepts a package that has what it needs and no more', () => {
  expect(problems({})).toEqual([]);
});

it.each(['LICENSE', 'README.md', 'CHANGELOG.md', 'bin/wal.mjs'])('misses %s', (path) => {
  expect(problems({ [path]: null })).toEqual([`${path} is missing`]);
});

it('misses a document of the folder, and a link to it', () => {
  expect(problems({ 'FORMAT.md': null })).toEqual([
    'FORMAT.md is missing',
    'README.md links to FORMAT.md#head, which is not in the package',
  ]);
});

it.each([
  ['dist/spec/test/rig.d.ts', 'belongs to tests'],
  ['src/log/index.test.ts', 'is a test'],
  ['dist/lib.tsbuildinfo', "is the compiler's own state"],
  ['tsconfig.json', 'configures the compiler of this repository'],
  ['notes.log', 'was left behind'],
  ['.env', 'was left behind'],
  ['scripts/generate.mjs', 'is not foreseen'],
])('refuses %s', (path, reason) => {
  expect(problems({ [path]: '' })).toContain(`${path} ${reason}`);
});

it('refuses outputs whose source is gone', () => {
  expect(problems({ 'dist/log/old.js': '//# sourceMappingURL=index.js.map' })).toEqual([
    'dist/log/old.js has no source: a file of an older build',
  ]);
});

it('refuses sources that were not compiled', () => {
  expect(problems({ 'src/new.ts': '' })).toEqual([
    'dist/new.js is missing: src/new.ts is not compiled',
    'dist/new.js.map is missing: src/new.ts is not compiled',
    'dist/new.d.ts is missing: src/new.ts is not compiled',
    'dist/new.d.ts.map is missing: src/new.ts is not compiled',
  ]);
});

it('refuses a source map that points nowhere', () => {
  const stray = JSON.stringify({ sourceRoot: '../', sources: ['src/log/index.ts'] });
  expect(problems({ 'dist/log/index.js.map': stray })).toEqual([
    'dist/log/index.js.map points to dist/src/log/index.ts, which is not there',
  ]);
});

it('refuses code that names no source map', () => {
  expect(problems({ 'dist/log/index.js': 'export {};' })).toEqual([
    'dist/log/index.js names no source map that is there',
  ]);
});

it('refuses a bin that a shell would not start', () => {
  expect(problems({ 'bin/wal.mjs': 'import "../dist/main.js";' })).toEqual([
    'bin/wal.mjs does not begin with the line that starts Node',
  ]);
});

it('refuses a README that is about something else or links out of the package', () => {
  expect(problems({ 'README.md': '# wal\n\n[ports](../ports)\n' })).toEqual([
    'README.md does not begin with "# @dougdb/wal"',
    'README.md links to ../ports, which is not in the package',
  ]);
});

it('refuses a changelog without the version', () => {
  expect(problems({ 'CHANGELOG.md': '## 0.1.0-rc.1\n' })).toEqual([
    'CHANGELOG.md says nothing of 0.1.0',
  ]);
});
