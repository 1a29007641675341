import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { transformSync } from '@swc/core';

/** A planted bug: one place of one source file of what is shipped, changed. */
export interface PlantedBug {
  readonly name: string;
  /** Relative to the folder of the packages. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** What is used of the simulator. */
export type SimulatorWorld = typeof import('../../src/index.js');

const root = resolve(__dirname, '../../../..');
const packagesDir = join(root, 'packages');
const ENTRY = join(root, 'tools/simulator/src/index.ts');
const folders: Readonly<Record<string, string>> = {
  '@dougdb/client': 'packages/client-sdk',
  '@dougdb/tool-chaos': 'tools/chaos',
};
const compiled = new Map<string, string>();

/**
 * Loads the simulator and everything that it runs in a world of its own, in which one file has a bug. The
 * switch costs production nothing: it is not in the code. @throws Error if its place is not there, or not once
 */
export function worldWith(bug: PlantedBug | null): SimulatorWorld {
  const modules = new Map<string, { exports: unknown }>();
  const planted = bug === null ? null : join(packagesDir, bug.file);
  const load = (path: string): unknown => {
    const known = modules.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(path, module);
    const isPlanted = bug !== null && path === planted;
    const code = isPlanted ? compile(withBug(bug)) : compiledFile(path);
    const outside = createRequire(path);
    const require = (id: string): unknown => {
      const inside = sourceOf(id, path);
      return inside === null ? outside(id) : load(inside);
    };
    new Function('require', 'module', 'exports', '__dirname', code)(
      require,
      module,
      module.exports,
      dirname(path),
    );
    return module.exports;
  };
  const world = load(ENTRY) as SimulatorWorld;
  if (planted !== null && !modules.has(planted)) {
    throw new Error(`${bug?.name}: ${bug?.file} is not part of what is simulated`);
  }
  return world;
}

function withBug({ name, file, find, replace }: PlantedBug): string {
  const parts = readFileSync(join(packagesDir, file), 'utf8').split(find);
  if (parts.length !== 2) {
    throw new Error(`${name}: its place occurs ${parts.length - 1} times in ${file}`);
  }
  return parts.join(replace);
}

/** The file of a module of this project; null: it is somebody else's. */
function sourceOf(id: string, importer: string): string | null {
  if (id.startsWith('.')) return resolve(dirname(importer), id.replace(/\.js$/, '.ts'));
  const [, name, sub] = /^(@dougdb\/[^/]+)(?:\/(.+))?$/.exec(id) ?? [];
  if (name === undefined) return null;
  const folder = join(root, folders[name] ?? name.replace('@dougdb/', 'packages/'));
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const source = manifest.exports[sub === undefined ? '.' : `./${sub}`]?.['@dougdb/source'];
  return source === undefined ? null : join(folder, source);
}

interface Manifest {
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

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
