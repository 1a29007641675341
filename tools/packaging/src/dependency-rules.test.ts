import { dependencyProblems, importedPackages } from './dependency-rules.js';

const file = (text: string, path = 'src/a.ts') => ({ path, text });
const manifest = (fields: Record<string, unknown>) => ({
  name: '@dougdb/wal',
  version: '0.1.0',
  ...fields,
});
const root = new Set(['fast-check']);

it('finds what is imported, whatever the way', () => {
  const text = `
    import { a } from 'one/deep';
    import type { B } from '@two/two/node';
    export { c } from 'three';
    import 'four';
    const d = await import('five');
    const e: import('six').E = require('seven');
    import { readFileSync } from 'node:fs';
    import { join } from 'path';
    import { f } from './own.js';
    import { g } from '#src/own.js';
  `;
  const names = [...importedPackages([file(text)]).keys()];
  expect(names.sort()).toEqual(['@two/two', 'five', 'four', 'one', 'seven', 'six', 'three']);
});

it('does not take text and comments for imports', () => {
  const text = `/** import { a } from 'one'; */ const text = "from 'two'"; // import 'three'`;
  expect([...importedPackages([file(text)])]).toEqual([]);
});

it('demands a dependency for each import of what is published', () => {
  const sources = { shipped: [file("import 'lmdb'; import '@dougdb/wal';")], development: [] };
  expect(
    dependencyProblems(manifest({ devDependencies: { lmdb: '1.0.0' } }), sources, root),
  ).toEqual([
    'src/a.ts imports lmdb: not among the dependencies',
    'nothing uses the devDependency lmdb',
  ]);
});

it('refuses a dependency that only tests import', () => {
  const sources = { shipped: [], development: [file("import 'lmdb';", 'test/a.test.ts')] };
  const problems = ['nothing that is published imports lmdb'];
  expect(dependencyProblems(manifest({ dependencies: { lmdb: '1.0.0' } }), sources, root)).toEqual(
    problems,
  );
});

it('demands a devDependency for what only tests import, unless the root offers it', () => {
  const development = [file("import 'fast-check'; import 'tape';", 'test/a.test.ts')];
  expect(dependencyProblems(manifest({}), { shipped: [], development }, root)).toEqual([
    'test/a.test.ts imports tape: not among the devDependencies',
  ]);
});

it('accepts declarations of what is imported, and refuses others', () => {
  const devDependencies = { '@types/cli-progress': '1.0.0', '@types/pg': '1.0.0' };
  const sources = { shipped: [file("import 'cli-progress';")], development: [] };
  const dependencies = { 'cli-progress': '1.0.0' };
  expect(dependencyProblems(manifest({ dependencies, devDependencies }), sources, root)).toEqual([
    'nothing uses the devDependency @types/pg',
  ]);
});

it('takes a peer for a dependency, and demands that it is imported', () => {
  const fields = { peerDependencies: { tape: '^1.0.0' }, devDependencies: { tape: '1.0.0' } };
  const shipped = [file("import 'tape';")];
  expect(dependencyProblems(manifest(fields), { shipped, development: [] }, root)).toEqual([]);
  expect(dependencyProblems(manifest(fields), { shipped: [], development: [] }, root)).toEqual([
    'nothing that is published imports tape',
    'nothing uses the devDependency tape',
  ]);
});
