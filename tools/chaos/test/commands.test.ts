import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dist = join(__dirname, '../dist');
const dir = mkdtempSync(join(tmpdir(), 'doug-lincheck-'));
afterAll(() => rmSync(dir, { recursive: true }));

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(dist, command), ...args.map((arg) => arg.replace(/^@/, `${dir}/`))],
    { encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

const generate = (...args: string[]) => run('generator/main.js', ...args);
const lincheck = (...args: string[]) => run('lincheck/main.js', ...args);
const small = ['--operations', '400', '--keys', '4'];

describe('the built commands', () => {
  it('make histories and judge them', () => {
    expect(generate('--out', '@good.jsonl', ...small).status).toBe(0);
    expect(generate('--out', '@bad.jsonl', '--mutate', 'stale-read', ...small).status).toBe(0);
    writeFileSync(join(dir, 'torn.jsonl'), '{"process":');
    expect(lincheck('@good.jsonl')).toMatchObject({ status: 0, stderr: '' });
    const bad = lincheck('@bad.jsonl', '@good.jsonl');
    expect(bad.status).toBe(1);
    expect(bad.stdout.split('\n')).toHaveLength(3);
    expect(bad.stderr).toContain('no order explains line');
    expect(lincheck('@torn.jsonl').status).toBe(2);
    expect(lincheck('--max-work', '1', '@good.jsonl').status).toBe(3);
  });
});
