import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.js';
import { readTarball } from './pack.js';
import { openTarball, publishProblems, typesProblems } from './type-rules.js';

/** A package whose types are CommonJS while its code is not, and that names a file it does not have. */
const broken: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'canary',
    version: '1.0.0',
    type: 'module',
    exports: {
      '.': { types: './index.d.cts', default: './index.js' },
      './gone': { types: './gone.d.ts', default: './gone.js' },
    },
  }),
  'index.js': 'export const answer = 42;\n',
  'index.d.cts': 'export declare const answer: number;\n',
};

/** A checker that finds nothing in a package that is known to be broken finds nothing anywhere. */
export async function canaryProblems(): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'doug-canary-'));
  try {
    for (const [path, text] of Object.entries(broken)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    await run('npm', ['pack', '--silent'], { cwd: directory });
    const tarball = readTarball(join(directory, 'canary-1.0.0.tgz'));
    return [
      ...unless(await publishProblems(tarball), /gone\.js/, 'publint misses a file that is gone'),
      ...unless(await typesProblems(openTarball(tarball)), /CJS/, 'attw misses types of CommonJS'),
      ...unless(
        await typesProblems(openTarball(tarball)),
        /gone/,
        'attw misses types that are gone',
      ),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function unless(found: readonly string[], pattern: RegExp, complaint: string): readonly string[] {
  return found.some((text) => pattern.test(text)) ? [] : [`${complaint}: ${found.join('; ')}`];
}
