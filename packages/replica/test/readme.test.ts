import { readFileSync } from 'node:fs';
import { example } from './readme-example.js';

describe('the example of the README', () => {
  it('writes a key, reads it, and does not write it again where it must be absent', async () => {
    expect(await example()).toEqual(['1: written at revision 1', '2: Ada', '3: not met, found 1']);
  });

  it('is the program that the README shows', () => {
    const program = readFileSync(`${__dirname}/readme-example.ts`, 'utf8');
    const readme = readFileSync(`${__dirname}/../README.md`, 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
  });
});
