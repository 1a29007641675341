import { readFileSync } from 'node:fs';
import { example } from './readme-example.js';

describe('the example of the README', () => {
  it('writes a key and reads it', async () => {
    expect(await example()).toEqual(['1: written at revision 1', '2: Ada']);
  });

  it('is the program that the README shows', () => {
    const program = readFileSync(`${__dirname}/readme-example.ts`, 'utf8');
    const readme = readFileSync(`${__dirname}/../README.md`, 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
  });
});
