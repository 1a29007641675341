import { readFileSync } from 'node:fs';
import type { FileSystem } from '../src/index.js';
import { crashAnywhere, replace } from './readme-example.js';

describe('the example of the README', () => {
  it('finds the old file or the new one after any crash', async () => {
    expect([...(await crashAnywhere(replace))].sort()).toEqual([10, 2000]);
  });

  it('finds an empty file if the datasync is left out, as it says', async () => {
    const careless = (fs: FileSystem, content: Uint8Array): Promise<void> => {
      const open: FileSystem['open'] = (path, mode) =>
        Object.assign(fs.open(path, mode), { datasync: async () => {} });
      const { rename, syncDir } = fs;
      return replace({ ...fs, open, rename: rename.bind(fs), syncDir: syncDir.bind(fs) }, content);
    };
    expect([...(await crashAnywhere(careless))]).toContain(0);
  });

  it('is the program that the README shows', () => {
    const example = readFileSync(`${__dirname}/readme-example.ts`, 'utf8');
    const readme = readFileSync(`${__dirname}/../README.md`, 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
  });
});
