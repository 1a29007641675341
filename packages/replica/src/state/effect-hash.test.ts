import { bytesOf } from '../../test/support/commands.js';
import { chainFloor, chainPair } from './effect-hash.js';

function chain(
  hash: number,
  revision: number,
  key: string,
  value: string | null,
  expiresAt = 0,
): number {
  return chainPair(hash, revision, bytesOf(key), value === null ? null : bytesOf(value), expiresAt);
}

describe('the hash of effects', () => {
  const base = chain(0, 1, 'key', 'value');

  it('is the same for the same effects, and pinned', () => {
    expect(chain(0, 1, 'key', 'value')).toBe(base);
    expect(base).toBe(3_749_516_491);
  });

  it('differs in kind, revision, key, value, time, and where the key ends', () => {
    const others = [
      chain(0, 1, 'key', null),
      chain(0, 1, 'key', ''),
      chain(0, 2, 'key', 'value'),
      chain(0, 1 + 2 ** 40, 'key', 'value'),
      chain(0, 1, 'kex', 'value'),
      chain(0, 1, 'key', 'valuf'),
      chain(0, 1, 'keyv', 'alue'),
      chain(1, 1, 'key', 'value'),
      chain(0, 1, 'key', 'value', 5),
      chain(0, 1, 'key', 'value', 5 + 2 ** 40),
      chainFloor(0, 1),
      chainFloor(0, 2),
      chainFloor(1, 1),
    ];
    expect(new Set([base, ...others]).size).toBe(others.length + 1);
  });

  it('never forgets a difference by equal effects that follow', () => {
    let a = 1;
    let b = 2;
    for (let revision = 1; revision < 200; revision++) {
      a = chain(a, revision, `k${revision}`, 'v');
      b = chain(b, revision, `k${revision}`, 'v');
      expect(a).not.toBe(b);
    }
  });
});
