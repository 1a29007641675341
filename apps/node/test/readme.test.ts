import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsTable } from '@dougdb/host';
import { nodeSchema } from '../src/config/schema.js';
import { removeTempDirs, tempDir } from './node-process.js';
import { example } from './readme-example.js';

afterAll(removeTempDirs);

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');

describe('the README', () => {
  it('shows an example that runs', async () => {
    const addresses = await example(join(tempDir(), 'data'));
    expect(addresses).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ]);
    const program = readFileSync(join(__dirname, 'readme-example.ts'), 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
  }, 20_000);

  it('lists all settings as the schema has them', () => {
    expect(readme).toContain(settingsTable(nodeSchema));
  });
});
