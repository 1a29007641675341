// Every dependency is pinned to one exact version, comes from the registry with its hash, and every
// optional platform package is in the lockfile, so that `npm ci` works on every platform. Private packages
// follow the tree (`*` means the package beside them): a release gives new versions to published ones only.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { root } from './install.mjs';

const problems = [];
const manifests = ['packages', 'apps', 'tools', 'examples'].flatMap((top) =>
  readdirSync(root + top)
    .map((name) => `${top}/${name}/package.json`)
    .filter((file) => existsSync(root + file)),
);
const parse = (file) => JSON.parse(readFileSync(root + file, 'utf8'));
const ours = new Set(manifests.map((file) => parse(file).name));
for (const file of ['package.json', ...manifests]) {
  const manifest = parse(file);
  for (const field of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    for (const [name, range] of Object.entries(manifest[field] ?? {})) {
      if (manifest.private && ours.has(name)) {
        if (range !== '*')
          problems.push(`${file}: ${name} ${range} must be * in a private package`);
        continue;
      }
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
        problems.push(`${file}: ${name} ${range} is not exact`);
    }
  }
}

const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8'));
for (const [path, entry] of Object.entries(packages)) {
  if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue;
  if (entry.link) continue;
  if (entry.integrity === undefined && !entry.optional) problems.push(`${path}: no hash`);
  if (/^(git|http:)/.test(entry.resolved ?? '')) problems.push(`${path}: ${entry.resolved}`);
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`]) {
      problems.push(`${path}: optional ${name} is missing (run tools/complete-lock.mjs)`);
    }
  }
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
