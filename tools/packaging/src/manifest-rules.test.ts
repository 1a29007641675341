import { type Commons, manifestProblems } from './manifest-rules.js';
import type { Manifest } from './workspace.js';

const commons: Commons = {
  version: '0.1.0',
  license: 'Apache-2.0',
  engines: { node: '>=20.19.0' },
  names: new Set(['@dougdb/ports', 'doug-node']),
};

const good: Manifest = {
  name: 'doug-node',
  version: '0.1.0',
  description: 'Runs a member of a cluster.',
  keywords: ['dougdb', 'server', 'database'],
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20.19.0' },
  exports: {
    '.': {
      '@dougdb/source': './src/index.ts',
      types: './dist/index.d.ts',
      default: './dist/index.js',
    },
    './package.json': './package.json',
  },
  bin: { 'doug-node': './bin/doug-node.mjs' },
  files: ['bin', 'dist', 'src', 'CHANGELOG.md', '!dist/spec', '!**/*.test.*', '!**/*.tsbuildinfo'],
  publishConfig: { access: 'public' },
  scripts: { build: 'tsc -b' },
  dependencies: { '@dougdb/ports': '0.1.0', lmdb: '3.5.6' },
};

const problems = (change: Record<string, unknown>, folder = 'apps/node') =>
  manifestProblems({ folder, path: `/${folder}`, manifest: { ...good, ...change } }, commons);

const entry = (conditions: Record<string, string>) => ({
  exports: { '.': conditions, './package.json': './package.json' },
});

it('accepts a manifest that is as it should be', () => {
  expect(problems({})).toEqual([]);
});

it('accepts an optional peer that the tests have in one version', () => {
  const peer = {
    peerDependencies: { level: '^1.0.0' },
    peerDependenciesMeta: { level: { optional: true } },
    devDependencies: { level: '1.2.0' },
  };
  expect(problems(peer)).toEqual([]);
});

it('refuses a folder that nobody has named', () => {
  expect(problems({}, 'apps/other')[0]).toMatch('has no name in publicNames');
});

it.each([
  [{ name: 'node-doug' }, 'name is node-doug, not doug-node'],
  [{ version: '0.2.0' }, 'version is 0.2.0, not 0.1.0'],
  [{ license: 'MIT' }, 'license differs from the root'],
  [{ engines: { node: '>=18' } }, 'engines differ from the root'],
  [{ type: 'commonjs' }, 'type is not "module"'],
  [{ sideEffects: undefined }, 'sideEffects is not false'],
  [{ publishConfig: undefined }, 'publishConfig.access is not public'],
  [{ description: '' }, 'description is not a sentence'],
  [{ keywords: ['server', 'database', 'node'] }, 'keywords are fewer than three or lack "dougdb"'],
  [{ main: './dist/index.js' }, 'main is of no use beside exports'],
  [
    { scripts: { postinstall: 'node x.js' } },
    "script postinstall would run on other people's machines",
  ],
  [{ repository: { directory: 'packages/node' } }, 'repository.directory is not apps/node'],
  [{ bin: {} }, 'bins are [], not [doug-node]'],
  [{ bin: { 'doug-node': './dist/main.js' } }, 'bin doug-node is not ./bin/doug-node.mjs'],
  [{ optionalDependencies: {} }, 'optionalDependencies are not foreseen'],
  [
    { peerDependencies: { level: '^1.0.0' }, devDependencies: { level: '1.2.0' } },
    'peer level is not optional',
  ],
  [
    {
      peerDependencies: { level: '1' },
      peerDependenciesMeta: { level: { optional: true } },
      devDependencies: { level: '1.2.0' },
    },
    'peer level 1 is not a caret range',
  ],
  [
    { peerDependencies: { level: '^1.0.0' }, peerDependenciesMeta: { level: { optional: true } } },
    'peer level is not a devDependency in one version',
  ],
  [
    { peerDependenciesMeta: { level: { optional: true } } },
    'peerDependenciesMeta name level, which is no peer',
  ],
])('refuses %j', (change, problem) => {
  expect(problems(change)).toEqual([problem]);
});

it.each([
  [{ exports: {} }, ['exports lack ./package.json, which tools read', 'exports lack "."']],
  [
    entry({ types: './dist/index.d.ts', default: './dist/index.js' }),
    ['exports "." are not @dougdb/source, types, default in this order'],
  ],
  [
    entry({
      types: './dist/index.d.ts',
      '@dougdb/source': './src/index.ts',
      default: './dist/index.js',
    }),
    ['exports "." are not @dougdb/source, types, default in this order'],
  ],
  [
    entry({
      '@dougdb/source': './src/index.ts',
      types: './dist/main.d.ts',
      default: './dist/index.js',
    }),
    ['exports "." do not point to what ./src/index.ts is compiled to'],
  ],
])('refuses the exports of %j', (change, expected) => {
  expect(problems(change)).toEqual(expected);
});

it('demands that nothing of tests is published', () => {
  const files = ['bin', 'dist', 'src', 'CHANGELOG.md'];
  expect(problems({ files })).toEqual([
    'files lack "!dist/spec"',
    'files lack "!**/*.test.*"',
    'files lack "!**/*.tsbuildinfo"',
  ]);
});

it('demands one exact version of each dependency, and of siblings that of this tree', () => {
  const dependencies = { '@dougdb/ports': '0.1.1', '@dougdb/tool-bench': '0.1.0', lmdb: '^3.5.6' };
  expect(problems({ dependencies })).toEqual([
    '@dougdb/ports 0.1.1 is not the version of this tree, 0.1.0',
    '@dougdb/tool-bench is not published',
    'lmdb ^3.5.6 is not one version',
  ]);
});
