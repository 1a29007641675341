import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { levelExample } from './readme-abstract-level.js';
import { embeddedExample } from './readme-embedded.js';
import { example } from './readme-example.js';

async function inDirectory(run: (dir: string) => Promise<unknown>): Promise<unknown> {
  const dir = mkdtempSync(`${tmpdir()}/sstable-readme-`);
  try {
    return await run(`${dir}/db`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe('the examples of the README', () => {
  it('do on a real disk what their comments say', async () => {
    expect(await inDirectory(example)).toEqual([
      'log position 3',
      'green',
      'red',
      ['banana', 'apple'],
    ]);
    expect(await inDirectory(embeddedExample)).toEqual(['green', 'red', ['green', null]]);
    expect(await inDirectory(levelExample)).toEqual([
      ['apple'],
      ['cherry', 'banana'],
      { color: 'red' },
    ]);
  });

  it.each(['readme-example', 'readme-embedded', 'readme-abstract-level'])(
    'are the programs that it shows: %s',
    (name) => {
      const shown = readFileSync(`${__dirname}/${name}.ts`, 'utf8');
      const readme = readFileSync(`${__dirname}/../README.md`, 'utf8');
      expect(readme).toContain(`\`\`\`ts\n${shown}\`\`\``);
    },
  );
});
