import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { transformSync } from '@swc/core';

/** One place of one source file, changed. */
export interface PlantedBug {
  readonly name: string;
  /** Relative to src/. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const src = resolve(__dirname, '../../src');

/**
 * Modules of this package in a world of their own, in which one of them may have a bug. The switch costs
 * production nothing: it is not in the code. Answers how to load a file of src/.
 */
export function worldWith(bug: PlantedBug | null): (file: string) => Record<string, unknown> {
  const modules = new Map<string, Record<string, unknown>>();
  const load = (path: string): Record<string, unknown> => {
    const known = modules.get(path);
    if (known !== undefined) return known;
    const module = { exports: {} as Record<string, unknown> };
    modules.set(path, module.exports);
    const source = readFileSync(path, 'utf8');
    const hasBug = bug !== null && path === join(src, bug.file);
    const code = compile(hasBug ? planted(source, bug) : source);
    const from = (id: string): unknown =>
      id.startsWith('.') ? load(resolve(dirname(path), id.replace(/\.js$/, '.ts'))) : require(id);
    new Function('require', 'module', 'exports', code)(from, module, module.exports);
    return module.exports;
  };
  return (file) => load(join(src, file));
}

function planted(source: string, { name, file, find, replace }: PlantedBug): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`${name}: its place occurs ${parts.length - 1} times in ${file}`);
}

function compile(source: string): string {
  return transformSync(source, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  }).code;
}
