// Every invariant named in docs/guarantees.md stands beside a check in the code and in a test title, and
// every one named in the code is in docs/guarantees.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

const marker = /INVARIANT\(([a-z0-9-]+)\)/g;
const documented = new Set(names(readFileSync(`${root}docs/guarantees.md`, 'utf8')));
const inCode = new Set();
const inTests = new Set();
for (const file of sources(['packages', 'apps', 'tools'])) {
  const found = names(readFileSync(file, 'utf8'));
  for (const name of found) (file.endsWith('.test.ts') ? inTests : inCode).add(name);
}

const problems = [
  ...[...documented].filter((n) => !inCode.has(n)).map((n) => `${n}: no check in the code`),
  ...[...documented].filter((n) => !inTests.has(n)).map((n) => `${n}: no test names it`),
  ...[...inCode, ...inTests]
    .filter((n) => !documented.has(n))
    .map((n) => `${n}: not in docs/guarantees.md`),
];
if (documented.size === 0) problems.push('docs/guarantees.md names no invariant');
if (problems.length > 0) {
  console.error([...new Set(problems)].sort().join('\n'));
  process.exit(1);
}
console.log(`${documented.size} invariants`);

function names(text) {
  // 'name' is the placeholder of texts about the convention itself.
  return [...text.matchAll(marker)].map((match) => match[1]).filter((name) => name !== 'name');
}

function sources(tops) {
  return tops.flatMap((top) =>
    readdirSync(root + top, { recursive: true })
      .filter((name) => name.endsWith('.ts') && !/(^|\/)(node_modules|dist|gen)\//.test(name))
      .map((name) => join(root, top, name)),
  );
}
