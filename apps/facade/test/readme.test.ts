import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsTable } from '@dougdb/host';
import { killLeftovers, removeTempDirs } from '@dougdb/host/testing';
import { facadeSchema, startFacade } from '../src/index.js';
import { example } from './readme-example.js';
import { Cluster } from './support/cluster.js';

jest.setTimeout(30_000);

afterAll(async () => {
  await killLeftovers();
  removeTempDirs();
});

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');

describe('the README', () => {
  it('shows an example that runs', async () => {
    const { addresses } = await Cluster.start(1);
    expect(await example(addresses)).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ]);
    const program = readFileSync(join(__dirname, 'readme-example.ts'), 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
  });

  it('lists all settings as the schema has them', () => {
    expect(readme).toContain(settingsTable(facadeSchema));
  });
});

describe('startFacade', () => {
  it('refuses what the command refuses', async () => {
    await expect(startFacade({})).rejects.toMatchObject({ exitCode: 2 });
    await expect(startFacade({ nodes: ['a:1'], listen: '10.0.0.1:1' })).rejects.toMatchObject({
      exitCode: 2,
    });
  });
});
