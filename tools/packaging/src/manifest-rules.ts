import type { Manifest, WorkspacePackage } from './workspace.js';

/** Names that others script against. A folder that is not here has no name to be published under yet. */
export const publicNames: Readonly<Record<string, { name: string; bins: readonly string[] }>> = {
  'packages/client-sdk': { name: '@dougdb/client', bins: [] },
  'packages/facade': { name: '@dougdb/facade', bins: [] },
  'packages/host': { name: '@dougdb/host', bins: [] },
  'packages/member': { name: '@dougdb/member', bins: [] },
  'packages/ports': { name: '@dougdb/ports', bins: [] },
  'packages/raft-core': { name: '@dougdb/raft-core', bins: [] },
  'packages/replica': { name: '@dougdb/replica', bins: [] },
  'packages/rpc-proto': { name: '@dougdb/rpc-proto', bins: [] },
  'packages/sstable': { name: '@dougdb/sstable', bins: ['sst'] },
  'packages/wal': { name: '@dougdb/wal', bins: ['wal'] },
  'apps/cli': { name: '@dougdb/cli', bins: ['doug'] },
  'apps/facade': { name: 'doug-facade', bins: ['doug-facade'] },
  'apps/node': { name: 'doug-node', bins: ['doug-node'] },
};

/** What all packages have in common with the root and with each other. */
export interface Commons {
  /** One version for all of them: they are released together. */
  readonly version: string;
  readonly license: unknown;
  readonly engines: unknown;
  /** Names of the packages that are published. */
  readonly names: ReadonlySet<string>;
}

const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const kept = ['dist', 'src', 'CHANGELOG.md', '!dist/spec', '!**/*.test.*', '!**/*.tsbuildinfo'];
const entryConditions = ['@dougdb/source', 'types', 'default'];
/** Scripts that npm runs on the machine of whoever installs or packs. */
const lifecycle = /^(pre|post)?(install|prepare|pack|publish)$|^prepublishOnly$/;

/** What is wrong with the manifest of a package that is to be published, in words. */
export function manifestProblems(pkg: WorkspacePackage, commons: Commons): readonly string[] {
  const { manifest } = pkg;
  const problems: string[] = [];
  const demand = (holds: boolean, text: string): void => {
    if (!holds) problems.push(text);
  };
  const expected = publicNames[pkg.folder];
  demand(
    expected !== undefined,
    'has no name in publicNames; make it private or give it one (tools/packaging)',
  );
  demand(expected?.name === manifest.name, `name is ${manifest.name}, not ${expected?.name}`);
  demand(
    manifest.version === commons.version,
    `version is ${manifest.version}, not ${commons.version}`,
  );
  demand(same(manifest.license, commons.license), 'license differs from the root');
  demand(same(manifest.engines, commons.engines), 'engines differ from the root');
  demand(manifest.type === 'module', 'type is not "module"');
  demand(manifest.sideEffects === false, 'sideEffects is not false');
  demand(same(manifest.publishConfig, { access: 'public' }), 'publishConfig.access is not public');
  demand(/^[^ ].{10,}\.$/.test(String(manifest.description)), 'description is not a sentence');
  demand(
    Array.isArray(manifest.keywords) &&
      manifest.keywords.length >= 3 &&
      manifest.keywords.includes('dougdb'),
    'keywords are fewer than three or lack "dougdb"',
  );
  for (const field of ['main', 'module', 'types', 'typings', 'browser']) {
    demand(!(field in manifest), `${field} is of no use beside exports`);
  }
  for (const script of Object.keys(Object(manifest.scripts))) {
    demand(!lifecycle.test(script), `script ${script} would run on other people's machines`);
  }
  if (manifest.repository !== undefined) {
    const { directory } = Object(manifest.repository) as { directory?: unknown };
    demand(directory === pkg.folder, `repository.directory is not ${pkg.folder}`);
  }
  return [
    ...problems,
    ...exportProblems(manifest),
    ...binProblems(manifest, expected?.bins ?? []),
    ...filesProblems(manifest),
    ...rangeProblems(manifest, commons),
  ];
}

function exportProblems({ exports: entries = {} }: Manifest): readonly string[] {
  const problems: string[] = [];
  if (entries['./package.json'] !== './package.json')
    problems.push('exports lack ./package.json, which tools read');
  if (entries['.'] === undefined) problems.push('exports lack "."');
  for (const [subpath, target] of Object.entries(entries)) {
    if (subpath === './package.json') continue;
    const conditions = typeof target === 'string' ? [] : Object.keys(target);
    if (!same(conditions, entryConditions) || typeof target === 'string') {
      problems.push(`exports "${subpath}" are not ${entryConditions.join(', ')} in this order`);
      continue;
    }
    const source = target['@dougdb/source'] ?? '';
    const stem = /^\.\/src\/(.+)\.ts$/.exec(source)?.[1];
    if (target.types !== `./dist/${stem}.d.ts` || target.default !== `./dist/${stem}.js`)
      problems.push(`exports "${subpath}" do not point to what ${source} is compiled to`);
  }
  return problems;
}

function binProblems({ bin = {} }: Manifest, expected: readonly string[]): readonly string[] {
  const problems: string[] = [];
  if (!same(Object.keys(bin), expected))
    problems.push(`bins are [${Object.keys(bin)}], not [${expected}]`);
  for (const [name, path] of Object.entries(bin)) {
    if (path !== `./bin/${name}.mjs`) problems.push(`bin ${name} is not ./bin/${name}.mjs`);
  }
  return problems;
}

function filesProblems(manifest: Manifest): readonly string[] {
  const files: readonly unknown[] = Array.isArray(manifest.files) ? manifest.files : [];
  const needed = manifest.bin === undefined ? kept : ['bin', ...kept];
  return needed.filter((entry) => !files.includes(entry)).map((entry) => `files lack "${entry}"`);
}

function rangeProblems(manifest: Manifest, commons: Commons): readonly string[] {
  const problems: string[] = [];
  for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
    if (!exact.test(range)) problems.push(`${name} ${range} is not one version`);
    const ours = commons.names.has(name);
    if (ours && range !== commons.version)
      problems.push(`${name} ${range} is not the version of this tree, ${commons.version}`);
    if (!ours && name.startsWith('@dougdb/')) problems.push(`${name} is not published`);
  }
  for (const field of ['optionalDependencies', 'bundleDependencies']) {
    if (field in manifest) problems.push(`${field} are not foreseen`);
  }
  return [...problems, ...peerProblems(manifest)];
}

/** A peer is what one entry needs and most users do not: optional, a caret range, tested in one version. */
function peerProblems(manifest: Manifest): readonly string[] {
  const { peerDependencies = {}, peerDependenciesMeta = {}, devDependencies = {} } = manifest;
  const problems: string[] = [];
  for (const [name, range] of Object.entries(peerDependencies)) {
    if (peerDependenciesMeta[name]?.optional !== true)
      problems.push(`peer ${name} is not optional`);
    if (!range.startsWith('^') || !exact.test(range.slice(1)))
      problems.push(`peer ${name} ${range} is not a caret range`);
    if (!exact.test(devDependencies[name] ?? ''))
      problems.push(`peer ${name} is not a devDependency in one version`);
  }
  for (const name of Object.keys(peerDependenciesMeta)) {
    if (peerDependencies[name] === undefined)
      problems.push(`peerDependenciesMeta name ${name}, which is no peer`);
  }
  return problems;
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
