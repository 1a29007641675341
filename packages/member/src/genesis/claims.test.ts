import { Claims } from './claims.js';

const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];

describe('claims', () => {
  it('give an address to the first node that says it is there, for a while', () => {
    const claims = new Claims(['h:1', 'h:2']);
    expect(claims.admit('h:1', a, 0)).toBe(true);
    expect(claims.admit('h:1', b, 1)).toBe(false);
    expect(claims.admit('h:2', b, 1)).toBe(true);
    expect(claims.admit('h:1', a, 5_000)).toBe(true);
    expect(claims.admit('h:1', b, 14_999)).toBe(false);
    expect(claims.admit('h:1', b, 15_000)).toBe(true);
    expect(claims.admit('h:1', a, 15_001)).toBe(false);
  });

  it('of addresses that are not listed do not matter', () => {
    const claims = new Claims(['h:1']);
    expect([claims.admit('x:1', a, 0), claims.admit('x:1', b, 0)]).toEqual([true, true]);
  });
});
