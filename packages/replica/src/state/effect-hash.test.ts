import { bytesOf } from '../../test/support/commands.js';
import { chainEffect, EffectKind } from './effect-hash.js';

function chain(hash: number, kind: EffectKind, revision: number, key: string, value = ''): number {
  const bytes = bytesOf(key + value);
  return chainEffect(hash, kind, revision, bytes, 0, key.length, key.length, bytes.length);
}

describe('chainEffect', () => {
  const base = chain(0, EffectKind.Put, 1, 'key', 'value');

  it('is the same for the same effects, and pinned', () => {
    expect(chain(0, EffectKind.Put, 1, 'key', 'value')).toBe(base);
    expect(base).toBe(3_749_516_491);
  });

  it('differs in kind, revision, key, value, and where the key ends', () => {
    const others = [
      chain(0, EffectKind.Delete, 1, 'key', 'value'),
      chain(0, EffectKind.Put, 2, 'key', 'value'),
      chain(0, EffectKind.Put, 1 + 2 ** 40, 'key', 'value'),
      chain(0, EffectKind.Put, 1, 'kex', 'value'),
      chain(0, EffectKind.Put, 1, 'key', 'valuf'),
      chain(0, EffectKind.Put, 1, 'keyv', 'alue'),
      chain(1, EffectKind.Put, 1, 'key', 'value'),
    ];
    expect(new Set([base, ...others]).size).toBe(others.length + 1);
  });

  it('never forgets a difference by equal effects that follow', () => {
    let a = 1;
    let b = 2;
    for (let revision = 1; revision < 200; revision++) {
      a = chain(a, EffectKind.Put, revision, `k${revision}`, 'v');
      b = chain(b, EffectKind.Put, revision, `k${revision}`, 'v');
      expect(a).not.toBe(b);
    }
  });
});
