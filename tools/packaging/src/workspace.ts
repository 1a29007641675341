import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the repository, without a slash at its end. */
export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** What the rules look at; fields are as they stand in the file, so `unknown` where a rule judges them. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [field: string]: unknown;
}

/** A package of the workspace. */
export interface WorkspacePackage {
  /** From the root: `packages/wal`. */
  readonly folder: string;
  /** Absolute. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** The manifest in a folder. */
export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest;
}

/** What npm would publish: everything in packages/ and apps/ that is not private. */
export function publishablePackages(from: string = root): readonly WorkspacePackage[] {
  return ['packages', 'apps']
    .flatMap((top) => readdirSync(join(from, top)).map((name) => `${top}/${name}`))
    .filter((folder) => existsSync(join(from, folder, 'package.json')))
    .map((folder) => ({
      folder,
      path: join(from, folder),
      manifest: readManifest(join(from, folder)),
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

/** What a program in TypeScript needs besides our packages, in the versions of this repository. */
export function developmentTools(): readonly string[] {
  const { devDependencies = {} } = readManifest(root);
  return ['typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`);
}

/** What some entries of ours need and users install beside them, in the versions that our tests have. */
export function optionalPeers(manifests: readonly Manifest[]): readonly string[] {
  const peers = manifests.flatMap(({ peerDependencies = {}, devDependencies = {} }) =>
    Object.keys(peerDependencies).map((name) => `${name}@${devDependencies[name]}`),
  );
  return [...new Set(peers)];
}
