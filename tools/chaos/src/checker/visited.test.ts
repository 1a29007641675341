import { Visited } from './visited.js';

const counts = (...used: number[]): Uint16Array => Uint16Array.from(used);

describe('Visited', () => {
  it('enters a configuration once', () => {
    const visited = new Visited();
    expect(visited.enter('a', counts())).toBe(true);
    expect(visited.enter('a', counts())).toBe(false);
    expect(visited.enter('b', counts())).toBe(true);
  });

  it('enters one again that has used less, or something else, but not one that has used more', () => {
    const visited = new Visited();
    expect(visited.enter('a', counts(1, 1, 0))).toBe(true);
    expect(visited.enter('a', counts(1, 2, 0))).toBe(false);
    expect(visited.enter('a', counts(1, 0, 0))).toBe(true);
    expect(visited.enter('a', counts(0, 0, 7))).toBe(true);
    expect(visited.enter('a', counts(1, 1, 0))).toBe(false);
    expect(visited.enter('a', counts(0, 1, 7))).toBe(false);
    expect(visited.enter('a', counts(0, 1, 6))).toBe(true);
  });

  it('counts to 65,535, of more classes than a call takes arguments', () => {
    const visited = new Visited();
    const many = new Uint16Array(200_000).fill(0xffff);
    expect(visited.enter('a', many)).toBe(true);
    expect(visited.enter('a', many)).toBe(false);
    many[199_999] = 0xfffe;
    expect(visited.enter('a', many)).toBe(true);
  });
});
