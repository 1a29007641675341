import tseslint from 'typescript-eslint';
import { appImports, importTable, npmName } from './tools/import-table.mjs';

const effectModules = [
  'fs',
  'fs/promises',
  'net',
  'tls',
  'http',
  'http2',
  'https',
  'dgram',
  'dns',
  'child_process',
  'worker_threads',
  'cluster',
  'timers',
  'timers/promises',
  'perf_hooks',
  'process',
  'os',
  'crypto',
].flatMap((name) => [name, `node:${name}`]);

const effectGlobals = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'process',
  'crypto',
  'fetch',
].map((name) => ({ name, message: 'effects go through ports (ARCHITECTURE.md, "Effects")' }));

const all = Object.keys(importTable);

/** What a folder may not import, as no-restricted-imports patterns. */
function forbidden(folder, allowed, { effects }) {
  const others = all.filter((name) => name !== folder && !allowed.includes(name));
  const patterns = others.map((name) => ({
    group: [npmName(name), `${npmName(name)}/*`],
    message: `${folder} may not import ${name} (tools/import-table.mjs)`,
  }));
  patterns.push({
    group: [
      '**/packages/**',
      '**/apps/**',
      '**/tools/**',
      `${npmName(folder)}`,
      `${npmName(folder)}/*`,
    ],
    message: 'import other packages by name and your own files by relative path',
  });
  if (effects) {
    patterns.push({
      group: [
        ...all.flatMap((name) => [`${npmName(name)}/node`, `${npmName(name)}/server`]),
        '@grpc/*',
        'lmdb',
      ],
      message: 'real implementations are composed in apps and src/node only',
    });
  }
  return [
    'error',
    {
      paths: effects
        ? effectModules.map((name) => ({ name, message: 'effects go through ports' }))
        : [],
      patterns,
    },
  ];
}

const packageRules = all.flatMap((folder) => [
  {
    files: [`packages/${folder}/src/**/*.ts`],
    ignores: [`packages/${folder}/src/node/**`, '**/*.test.ts', ...compositionRoots(folder)],
    rules: {
      'no-restricted-imports': forbidden(folder, importTable[folder], { effects: true }),
      'no-restricted-globals': ['error', ...effectGlobals],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'randomness goes through ports' },
      ],
    },
  },
  {
    files: [`packages/${folder}/src/node/**/*.ts`, `packages/${folder}/src/**/*.test.ts`],
    rules: { 'no-restricted-imports': forbidden(folder, importTable[folder], { effects: false }) },
  },
]);

/** The files of a package that tie its core to the real world for applications. */
function compositionRoots(folder) {
  const roots = {
    'client-sdk': ['src/connect.ts', 'src/testing/create-memory-store.ts'],
    sstable: ['src/abstract-level/node-ports.ts'],
  };
  return (roots[folder] ?? []).map((file) => `packages/${folder}/${file}`);
}

const appRules = Object.entries(appImports).map(([folder, allowed]) => ({
  files: [`apps/${folder}/src/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: all
          .filter((name) => !allowed.includes(name))
          .map((name) => ({
            group: [npmName(name), `${npmName(name)}/*`],
            message: `apps/${folder} may not import ${name} (tools/import-table.mjs)`,
          })),
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['**/dist/**', '**/src/gen/**', '**/*.mjs', '**/*.cjs', '**/*.js', 'coverage/**'] },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'max-lines': ['error', { max: 450, skipBlankLines: true, skipComments: true }],
    },
  },
  { files: ['**/*.test.ts', '**/test/**'], rules: { 'max-lines': 'off' } },
  ...packageRules,
  ...appRules,
);
