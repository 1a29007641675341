import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.js';
import type { WorkspacePackage } from './workspace.js';

/** A package and the tarball that npm would upload. */
export interface Tarball {
  readonly pkg: WorkspacePackage;
  /** Absolute path of the `.tgz`. */
  readonly file: string;
}

/**
 * Packs packages with one `npm pack`, after {@link removeStaleOutputs}.
 * @param root - of the workspace
 * @param directory - where the tarballs go; must exist
 */
export async function packAll(
  root: string,
  packages: readonly WorkspacePackage[],
  directory: string,
): Promise<readonly Tarball[]> {
  for (const { path } of packages) removeStaleOutputs(path);
  const workspaces = packages.flatMap(({ folder }) => ['--workspace', folder]);
  await run('npm', ['pack', '--silent', '--pack-destination', directory, ...workspaces], {
    cwd: root,
  });
  return packages.map((pkg) => ({ pkg, file: join(directory, tarballName(pkg)) }));
}

/** `@dougdb/wal` 0.1.0 becomes `dougdb-wal-0.1.0.tgz`. */
export function tarballName({ manifest: { name, version } }: WorkspacePackage): string {
  return `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`;
}

/**
 * Removes outputs in `dist` whose source is gone: the compiler leaves them, and npm would publish them. What is
 * compiled from elsewhere into `spec` and `conformance` is not published.
 * @param path - folder of the package
 * @returns what was removed
 */
export function removeStaleOutputs(path: string): readonly string[] {
  const dist = join(path, 'dist');
  if (!existsSync(dist)) return [];
  const stale = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => {
    const stem = /^(?!(?:spec|conformance)\/)(.+?)(\.d\.ts|\.js)(\.map)?$/.exec(file)?.[1];
    return stem !== undefined && !existsSync(join(path, 'src', `${stem}.ts`));
  });
  for (const file of stale) rmSync(join(dist, file));
  return stale;
}

/** The bytes of a tarball. */
export function readTarball(file: string): Uint8Array {
  return readFileSync(file);
}
