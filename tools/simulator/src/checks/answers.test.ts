import { KeyVersions } from '../truth/key-versions.js';
import { explainSight } from './answers.js';

/** key "k": written at 2 and 5, removed at 7, written at 9. */
function versions(): KeyVersions {
  const all = new KeyVersions();
  for (const [revision, value] of [
    [2, 'a'],
    [5, 'b'],
    [7, null],
    [9, 'c'],
  ] as const) {
    all.add('k', { revision, value, expiresAt: 0 });
  }
  return all;
}

const see = (value: string | null, revision: number, least: number, most: number): string | null =>
  explainSight(versions(), 'k', value === null ? null : { value, revision }, least, most);

describe('what a key can have been seen as between two revisions', () => {
  it('is what it was at one of them', () => {
    expect(see('a', 2, 2, 2)).toBeNull();
    expect(see('a', 2, 3, 9)).toBeNull();
    expect(see('b', 5, 6, 6)).toBeNull();
    expect(see('c', 9, 0, 9)).toBeNull();
  });

  it('is not what was replaced, has another value, is of the future or never was', () => {
    expect(see('a', 2, 5, 9)).toContain('replaced by 5');
    expect(see('b', 5, 7, 9)).toContain('replaced by 7');
    expect(see('x', 5, 0, 9)).toContain('is b, not x');
    expect(see('c', 9, 0, 8)).toContain('seen at 8');
    expect(see('a', 3, 0, 9)).toContain('was not written');
    expect(see('a', 7, 0, 9)).toContain('was not written');
  });

  it('is nothing where it was absent at one of them', () => {
    expect(see(null, 0, 1, 1)).toBeNull();
    expect(see(null, 0, 5, 7)).toBeNull();
    expect(see(null, 0, 8, 9)).toBeNull();
    expect(see(null, 0, 2, 6)).toContain('was there from revision 2 to 6');
    expect(see(null, 0, 9, 20)).toContain('was there');
  });
});
