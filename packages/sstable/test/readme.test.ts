import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { example } from './readme-example.js';

describe('the example of the README', () => {
  it('does on a real disk what its comments say', async () => {
    const dir = mkdtempSync(`${tmpdir()}/sstable-readme-`);
    try {
      await expect(example(`${dir}/db`)).resolves.toEqual([
        'log position 3',
        'green',
        'red',
        ['banana', 'apple'],
      ]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('is the program that the README shows', () => {
    const shown = readFileSync(`${__dirname}/readme-example.ts`, 'utf8');
    const readme = readFileSync(`${__dirname}/../README.md`, 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${shown}\`\`\``);
  });
});
