import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { transformSync } from '@swc/core';

/** A planted bug: one place of one source file, changed. */
export interface Mutant {
  readonly name: string;
  /** Relative to src/. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const packageRoot = resolve(__dirname, '../..');
const compiled = new Map<string, string>();
const nodeRequire = createRequire(join(packageRoot, 'package.json'));

/** The file with the bug in it. @throws Error if the place is not there, or not once */
export function mutatedSource(mutant: Mutant): string {
  const source = readFileSync(join(packageRoot, 'src', mutant.file), 'utf8');
  const parts = source.split(mutant.find);
  if (parts.length !== 2) {
    throw new Error(`${mutant.name}: its place occurs ${parts.length - 1} times in ${mutant.file}`);
  }
  return parts.join(mutant.replace);
}

/**
 * Loads modules of this package in a world of their own, in which one of them has a bug. The switch
 * costs production nothing: it is not in the code.
 */
export function loadWith(
  mutant: Mutant | null,
  entry: string,
  globals: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const modules = new Map<string, { exports: Record<string, unknown> }>();
  const mutated = mutant === null ? null : join(packageRoot, 'src', mutant.file);
  const load = (path: string): Record<string, unknown> => {
    const known = modules.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(path, module);
    const code =
      mutant !== null && path === mutated ? compile(mutatedSource(mutant)) : compiledFile(path);
    const names = Object.keys(globals);
    const run = new Function('require', 'module', 'exports', '__dirname', ...names, code);
    const require = (id: string): unknown => {
      if (id.startsWith('#')) return load(join(packageRoot, sourceOf(id.slice(1))));
      return id.startsWith('.') ? load(resolve(dirname(path), sourceOf(id))) : nodeRequire(id);
    };
    run(require, module, module.exports, dirname(path), ...names.map((name) => globals[name]));
    return module.exports;
  };
  return load(join(packageRoot, entry));
}

const sourceOf = (id: string): string => id.replace(/\.js$/, '.ts');

function compiledFile(path: string): string {
  const known = compiled.get(path);
  if (known !== undefined) return known;
  const code = compile(readFileSync(path, 'utf8'));
  compiled.set(path, code);
  return code;
}

function compile(source: string): string {
  return transformSync(source, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  }).code;
}
