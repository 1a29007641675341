import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { NodeClock, NodeFs } from '../src/node/index.js';
import { SimFs } from '../src/sim/index.js';
import { testFileSystem } from './file-system-contract.js';

const made: string[] = [];

afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

testFileSystem('NodeFs', () => {
  const dir = mkdtempSync(`${tmpdir()}/dougdb-ports-`);
  made.push(dir);
  return { fs: new NodeFs(), dir };
});

testFileSystem('SimFs', () => {
  const fs = new SimFs();
  fs.mkdir('/data');
  return { fs, dir: '/data' };
});

testFileSystem('SimFs whose operations take time', () => {
  const fs = new SimFs({ clock: new NodeClock(), syncDelayMs: [0, 1], ioDelayMs: 0 });
  fs.mkdir('/data');
  return { fs, dir: '/data' };
});
