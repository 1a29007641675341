// A release from beginning to end that nobody sees: in a clone of the last commit, to a registry on
// loopback, and then installed from there. The repository itself is only read.
import { strict as assert } from 'node:assert';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandResult, run } from './command.js';
import { consumerEnv } from './consumer-env.js';
import { type LocalRegistry, openRegistry } from './local-registry.js';
import { smokeTest } from './smoke-test.js';
import { developmentTools, type Manifest, publishablePackages, root } from './workspace.js';

const STEP_MS = 600_000;
const directory = mkdtempSync(join(tmpdir(), 'doug-release-'));
const clone = join(directory, 'clone');
const env = { ...consumerEnv(process.env, process.execPath), CI: 'true', NX_TUI: 'false' };
const began = performance.now();

let registry: LocalRegistry | null = null;
try {
  await say('clone', makeClone);
  await say('npm ci, tsc -b', async () => {
    await inClone('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
    await inClone('npx', '--no', '--', 'tsc', '-b');
  });
  const before = manifests();
  registry = await say('registry', () =>
    openRegistry(join(directory, 'registry'), namesOf(before)),
  );
  const { url, npmrc } = registry;
  const first = versionOf(before);
  await say(`first release: ${first}`, () => firstRelease(first, url, npmrc));
  await say('dry run: changes nothing', () => dryRun());
  const second = await say('next release: versions, changelogs, commit, tag', () => nextRelease());
  await say('lockfile and packages are still right', checkClone);
  await say(`publish ${second}`, () => publish(url, npmrc));
  await say('install and use', () => use(second, url));
  console.log(`released ${first} and ${second} of ${before.length} packages, in rehearsal`);
} finally {
  registry?.close();
  rmSync(directory, { recursive: true, force: true });
}

async function makeClone(): Promise<void> {
  const { stdout: changes } = await run('git', ['status', '--porcelain'], { cwd: root });
  if (changes !== '') console.log('  what is not committed is not rehearsed');
  await run('git', ['clone', '--quiet', root, clone], { cwd: directory });
  // Nothing can be pushed from here, whatever a tool thinks it has to do.
  await inClone('git', 'remote', 'remove', 'origin');
  await inClone('git', 'config', 'user.name', 'Release rehearsal');
  await inClone('git', 'config', 'user.email', 'rehearsal@localhost');
}

/** The versions of the first release stand in the manifests already. */
async function firstRelease(version: string, url: string, npmrc: string): Promise<void> {
  const tag = `v${version}`;
  const { stdout } = await inClone('git', 'tag', '--list', tag);
  if (stdout === '') await inClone('git', 'tag', '--annotate', tag, '--message', tag);
  await publish(url, npmrc);
  const published = await inClone('npm', 'view', 'doug-node', 'version', '--registry', url);
  assert.equal(published.stdout.trim(), version);
}

async function dryRun(): Promise<void> {
  appendFileSync(join(clone, 'packages/wal/README.md'), '\n');
  await inClone('git', 'commit', '--quiet', '--all', '--message', 'fix(wal): a rehearsed mistake');
  const { stdout } = await inClone('npx', '--no', '--', 'nx', 'release', '--dry-run');
  assert.match(stdout, /a rehearsed mistake/, 'the changelog of the dry run');
  const { stdout: changes } = await inClone('git', 'status', '--porcelain');
  assert.equal(changes, '', 'the dry run changed files');
}

/** @returns the new version */
async function nextRelease(): Promise<string> {
  const before = manifests();
  await inClone('npx', '--no', '--', 'nx', 'release', '--skip-publish');
  const after = manifests();
  const version = versionOf(after);
  assert.notEqual(version, versionOf(before), 'the version');
  const names = new Set(namesOf(after));
  for (const { name, dependencies = {} } of after) {
    for (const [dependency, range] of Object.entries(dependencies)) {
      if (names.has(dependency)) assert.equal(range, version, `${name}: ${dependency}`);
    }
  }
  const changelog = readFileSync(join(clone, 'packages/wal/CHANGELOG.md'), 'utf8');
  assert.match(changelog, /^## [\d.]+ .*\n\n### Fixes\n\n- \*\*wal:\*\* a rehearsed mistake/);
  const { stdout: tags } = await inClone('git', 'tag', '--points-at', 'HEAD');
  assert.equal(tags, `v${version}\n`, 'the tag');
  return version;
}

async function checkClone(): Promise<void> {
  const { stdout: changes } = await inClone('git', 'status', '--porcelain');
  assert.equal(changes, '', 'the release left something uncommitted');
  await inClone(process.execPath, 'tools/check-lock.mjs');
  await inClone('npm', 'ci', '--dry-run', '--ignore-scripts', '--no-audit', '--no-fund');
  await inClone(process.execPath, 'tools/packaging/dist/check-packages.js');
}

async function publish(url: string, npmrc: string): Promise<void> {
  await run('npx', ['--no', '--', 'nx', 'release', 'publish', '--registry', url], {
    cwd: clone,
    env: { ...env, NPM_CONFIG_USERCONFIG: npmrc },
    timeoutMs: STEP_MS,
  });
}

async function use(version: string, url: string): Promise<void> {
  const released = manifests();
  await smokeTest({
    directory: join(directory, 'consumer'),
    node: process.execPath,
    specifiers: [...released.map(({ name }) => `${name}@${version}`), ...developmentTools()],
    manifests: released,
    installArgs: ['--registry', url],
    say: (text) => console.log(`  ${text}`),
  });
}

function manifests(): readonly Manifest[] {
  return publishablePackages(clone).map(({ manifest }) => manifest);
}

function namesOf(all: readonly Manifest[]): readonly string[] {
  return all.map(({ name }) => name);
}

/** The one version of all packages. */
function versionOf(all: readonly Manifest[]): string {
  const versions = [...new Set(all.map(({ version }) => version))];
  assert.equal(versions.length, 1, `several versions: ${versions.join(', ')}`);
  return versions[0] as string;
}

function inClone(command: string, ...args: readonly string[]): Promise<CommandResult> {
  return run(command, args, { cwd: clone, env, timeoutMs: STEP_MS });
}

async function say<T>(title: string, work: () => Promise<T>): Promise<T> {
  const seconds = ((performance.now() - began) / 1000).toFixed(0).padStart(4);
  console.log(`[${seconds} s] ${title}`);
  return work();
}
