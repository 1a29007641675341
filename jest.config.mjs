import { existsSync, readdirSync } from 'node:fs';

// Two folders are called facade: the package and the process.
const nameOf = (dir) => (dir === 'apps/facade' ? 'facade-app' : dir.split('/')[1]);

const project = (dir) => ({
  displayName: nameOf(dir),
  rootDir: `<rootDir>/${dir}`,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/src/**/*.test.ts', '<rootDir>/test/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // 'import' must not be listed: jest would then load .mjs files of CommonJS dependencies.
  testEnvironmentOptions: { customExportConditions: ['@dougdb/source', 'node', 'node-addons'] },
});

const dirs = ['packages', 'apps', 'tools'].flatMap((top) =>
  readdirSync(new URL(top, import.meta.url), { withFileTypes: true })
    .filter(
      (d) =>
        d.isDirectory() && existsSync(new URL(`${top}/${d.name}/package.json`, import.meta.url)),
    )
    .map((d) => `${top}/${d.name}`),
);

// A machine may be slow: what a test waits for has a deadline of its own, and time decides nothing.
export default { projects: dirs.map(project), maxWorkers: 2, testTimeout: 60_000 };
