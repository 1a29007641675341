/** What the documents say of tests is so. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('docs/semantics.md', () => {
  const lines = read('docs/semantics.md').split('\n');
  const rows = lines.filter((line) => /^\| \d+ \|/.test(line));
  const named = lines.flatMap((row) =>
    [...row.matchAll(/`((?:src|test)\/[^`]+\.test\.ts)` ((?:"[^"]+"(?:, )?)+)/g)].flatMap(
      ([, file = '', titles = '']) =>
        [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => [file, title] as const),
    ),
  );

  it('has the thirty points, each with a test', () => {
    expect(rows).toHaveLength(30);
    expect(rows.filter((row) => !/\.test\.ts|\.txt|data files|sim|bugs/.test(row))).toEqual([]);
    expect(named.length).toBeGreaterThan(30);
  });

  it.each(named)('%s: %s', (file, title) => {
    expect(read(file)).toContain(title);
  });
});
