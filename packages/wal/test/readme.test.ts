import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { example } from './readme-example.js';

describe('the example of the README', () => {
  it('does on a real disk what it says, from one start to the next', async () => {
    const dir = mkdtempSync(`${tmpdir()}/wal-readme-`);
    try {
      await expect(example(dir)).resolves.toEqual(['0 logs, tail clean', 'entry 1']);
      await expect(example(dir)).resolves.toEqual(['1 logs, tail clean', 'entry 1', 'entry 2']);
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
