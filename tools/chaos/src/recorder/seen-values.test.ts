import { SeenValues } from './seen-values.js';

describe('SeenValues', () => {
  it('knows the value of a key at a revision', () => {
    const seen = new SeenValues();
    seen.note('a', 1, 'x');
    seen.note('a', 12, 'y');
    expect(seen.at('a', 1)).toBe('x');
    expect(seen.at('a', 12)).toBe('y');
    expect(seen.at('a', 2)).toBeUndefined();
    expect(seen.at('2 a', 1)).toBeUndefined();
  });

  it('forgets the oldest of more than 10,000', () => {
    const seen = new SeenValues();
    for (let revision = 1; revision <= 10_001; revision++) seen.note('a', revision, `${revision}`);
    expect(seen.at('a', 1)).toBeUndefined();
    expect(seen.at('a', 2)).toBe('2');
    expect(seen.at('a', 10_001)).toBe('10001');
  });
});
