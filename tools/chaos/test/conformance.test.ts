import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkHistory, parseHistory } from '../src/index.js';

const dir = historiesDir();

describe('histories of etcd recorded by Jepsen, and known small ones', () => {
  if (dir === null) {
    const note = 'SKIPPED: known histories are not there (DOUG_CONFORMANCE_DIR)';
    console.warn(note);
    it(note, () => {
      expect(dir).toBeNull();
    });
    return;
  }
  const expected = readFileSync(join(dir, 'expected.tsv'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t') as [string, string]);

  it.each(expected)('%s is %s', (name, verdict) => {
    const history = parseHistory(readFileSync(join(dir, name), 'utf8'));
    expect(history.operations.length).toBeGreaterThan(1);
    expect(checkHistory(history).verdict).toBe(verdict);
  });

  it('are all judged', () => {
    const files = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
    expect(expected.map(([name]) => name).sort()).toEqual(files.sort());
    expect(files.length).toBeGreaterThanOrEqual(15);
  });
});

/** The folder with foreign histories, or null where it is not there. */
function historiesDir(): string | null {
  const root = resolve(__dirname, '../../..');
  const base = process.env.DOUG_CONFORMANCE_DIR ?? join(root, '../shared/conformance');
  const path = join(base, 'histories');
  return existsSync(path) ? path : null;
}
