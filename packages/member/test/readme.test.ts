import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { NodeFs } from '@dougdb/ports/node';
import { FileHardState } from './file-hard-state.js';
import { example } from './readme-example.js';

describe('the example of the README', () => {
  it('puts a value on a real disk and reads it back', async () => {
    const dir = mkdtempSync(`${tmpdir()}/member-readme-`);
    try {
      const hardState = await FileHardState.open(new NodeFs(), `${dir}/hard-state`);
      expect(await example(`${dir}/data`, hardState)).toBe('Ada');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('is the program that the README shows', () => {
    const program = readFileSync(`${__dirname}/readme-example.ts`, 'utf8');
    const readme = readFileSync(`${__dirname}/../README.md`, 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
  });
});
