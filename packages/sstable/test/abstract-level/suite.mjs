// abstract-level's own suite over SstLevel, as compiled. Prints TAP; the last lines count the assertions.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { SstLevel } from '@dougdb/sstable/abstract-level';

const require = createRequire(import.meta.url);
const test = require('tape');
const suite = require('abstract-level/test');

// Hundreds of databases are made: where there is a disk in memory, its syncs cost nothing.
const root = mkdtempSync(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/sst-level-suite-`);
let count = 0;
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

suite({
  test,
  factory: (options) => new SstLevel(`${root}/${++count}`, options),
});
