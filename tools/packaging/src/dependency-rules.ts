import { isBuiltin } from 'node:module';
import ts from 'typescript';
import type { Manifest } from './workspace.js';

/** A file of a package that imports. */
export interface SourceFile {
  /** From the package's folder: `src/node/index.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Files that are published and loaded, and files that only this repository runs. */
export interface Sources {
  readonly shipped: readonly SourceFile[];
  readonly development: readonly SourceFile[];
}

/**
 * Every import has its dependency, and every dependency its import. A type-only import counts: it
 * stands in the published declarations.
 * @param rootDependencies - what the root offers to tests and scripts of every package
 */
export function dependencyProblems(
  manifest: Manifest,
  sources: Sources,
  rootDependencies: ReadonlySet<string>,
): readonly string[] {
  const problems: string[] = [];
  const declared = new Set(Object.keys(manifest.dependencies ?? {}));
  const peers = new Set(Object.keys(manifest.peerDependencies ?? {}));
  const development = new Set(Object.keys(manifest.devDependencies ?? {}));
  const shipped = importedPackages(sources.shipped);
  shipped.delete(manifest.name);
  const inDevelopment = importedPackages(sources.development);
  inDevelopment.delete(manifest.name);

  for (const [name, path] of shipped) {
    if (!declared.has(name) && !peers.has(name))
      problems.push(`${path} imports ${name}: not among the dependencies`);
  }
  for (const name of peers) {
    if (!shipped.has(name)) problems.push(`nothing that is published imports ${name}`);
    if (declared.has(name)) problems.push(`${name} stands twice`);
  }
  for (const name of declared) {
    if (!shipped.has(name)) problems.push(`nothing that is published imports ${name}`);
    if (development.has(name)) problems.push(`${name} stands twice`);
  }
  for (const [name, path] of inDevelopment) {
    if (declared.has(name) || development.has(name) || rootDependencies.has(name)) continue;
    problems.push(`${path} imports ${name}: not among the devDependencies`);
  }
  for (const name of development) {
    const types = /^@types\/(.+)$/.exec(name)?.[1];
    const isPeer = peers.has(name) && shipped.has(name);
    const used = inDevelopment.has(name) || isPeer || (types !== undefined && shipped.has(types));
    if (!used) problems.push(`nothing uses the devDependency ${name}`);
  }
  return problems;
}

/** Packages that files import, with the first file that does. Node's own modules are left out. */
export function importedPackages(files: readonly SourceFile[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { path, text } of files) {
    for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
      // What begins with # is a package's own file, by its field "imports".
      if (/^[.#]/.test(fileName) || isBuiltin(fileName)) continue;
      const name = packageOf(fileName);
      if (!found.has(name)) found.set(name, path);
    }
  }
  return found;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
