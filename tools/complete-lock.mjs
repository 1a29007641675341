// Completes package-lock.json with the optional platform packages that its writer's machine could not
// see. npm leaves out what the registry does not serve there, and `npm ci` elsewhere then refuses the
// file ("Missing: ... from lock file"). Run after every change of dependencies: node tools/complete-lock.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const packages = lock.packages;
let added = 0;

for (const [path, entry] of Object.entries(packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolves(path, name)) continue;
    packages[`node_modules/${name}`] = {
      version: range.replace(/^[\^~]/, ''),
      ...platformOf(name),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    };
    added++;
  }
}

const sorted = Object.fromEntries(
  Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')),
);
writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
console.log(`package-lock.json: ${added} platform packages added`);

function resolves(from, name) {
  for (let dir = from; ; dir = dir.slice(0, Math.max(0, dir.lastIndexOf('/node_modules/')))) {
    if (packages[`${dir === '' ? '' : `${dir}/`}node_modules/${name}`]) return true;
    if (dir === '') return false;
    if (!dir.includes('/node_modules/')) dir = '';
    if (dir === '' && packages[`node_modules/${name}`]) return true;
    if (dir === '') return false;
  }
}

function platformOf(name) {
  const os = [
    'darwin',
    'win32',
    'linux',
    'freebsd',
    'android',
    'openbsd',
    'netbsd',
    'sunos',
    'aix',
  ];
  const cpu = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el'];
  const foundOs = os.filter((o) => name.includes(o) || (o === 'win32' && name.includes('windows')));
  const foundCpu = cpu.filter((c) => name.split(/[-/]/).includes(c));
  return {
    ...(foundOs.length > 0 ? { os: foundOs } : {}),
    ...(foundCpu.length > 0 ? { cpu: foundCpu } : {}),
  };
}
