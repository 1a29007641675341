// Loads every entry both ways: they are one module, whichever way it is asked for.
// Usage: node entries.mjs SPECIFIER...
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
for (const specifier of process.argv.slice(2)) {
  const imported = await import(specifier);
  assert.ok(Object.keys(imported).length > 0, `${specifier} exports nothing`);
  for (const [name, value] of Object.entries(require(specifier))) {
    assert.equal(imported[name], value, `${specifier}: ${name} differs by require`);
  }
}
