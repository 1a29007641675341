import { LINEARIZABLE, readLevel } from './read-level.js';

function told(consistency: number, revision = 0, maxAgeMs = 0): string {
  try {
    const level = readLevel(consistency, revision, maxAgeMs);
    return `${level.consistency} ${level.argument}`;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

describe('readLevel', () => {
  it('is linearizable where nothing is said', () => {
    expect(readLevel(0, 0, 0)).toBe(LINEARIZABLE);
    expect(readLevel(1, 0, 0)).toBe(LINEARIZABLE);
  });

  it('takes each level with its argument', () => {
    expect([told(2), told(3), told(4, 0, 50), told(5, 7), told(0, 7)]).toEqual([
      '2 0',
      '3 0',
      '4 50',
      '5 7',
      '5 7',
    ]);
  });

  it.each([
    ['an age without a bound', [1, 0, 5], 'an age is for bounded reads'],
    ['a bound without an age', [4, 0, 0], 'an age is for bounded reads'],
    ['a revision with another level', [2, 7, 0], 'a revision is for reads at a revision'],
    ['a read at no revision', [5, 0, 0], 'a revision is for reads at a revision'],
    ['a level that this version does not know', [6, 0, 0], 'unknown consistency 6'],
    ['a negative one', [-1, 0, 0], 'unknown consistency -1'],
  ] as const)('refuses %s', (_what, [consistency, revision, maxAgeMs], message) => {
    expect(told(consistency, revision, maxAgeMs)).toMatch(`DOUG_INVALID_ARGUMENT: ${message}`);
  });
});
