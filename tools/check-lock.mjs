// Every dependency is pinned to one exact version, comes from the registry with its hash, and every
// optional platform package is in the lockfile, so that `npm ci` works on every platform.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { root } from './install.mjs';

const problems = [];
const manifests = ['packages', 'apps', 'tools', 'examples'].flatMap((top) =>
  readdirSync(root + top)
    .map((name) => `${top}/${name}/package.json`)
    .filter((file) => existsSync(root + file)),
);
for (const file of ['package.json', ...manifests]) {
  const manifest = JSON.parse(readFileSync(root + file, 'utf8'));
  for (const field of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    for (const [name, range] of Object.entries(manifest[field] ?? {})) {
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
