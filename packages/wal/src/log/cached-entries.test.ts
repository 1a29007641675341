import fc from 'fast-check';
import { entry } from '../../test/rig.js';
import type { WalEntry } from '../contract.js';
import { CachedEntries } from './cached-entries.js';

const index = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 60 }));
const kind = fc.constantFrom('set', 'next', 'next', 'forget', 'delete', 'cutFrom', 'cutThrough');

describe('CachedEntries', () => {
  it('hold what a map would hold', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ kind, index }), { maxLength: 120 }), (moves) => {
        const cached = new CachedEntries();
        const map = new Map<number, WalEntry>();
        const old: WalEntry[] = [];
        let last = 0;
        for (const m of moves) {
          if (m.kind === 'set' || m.kind === 'next') {
            last = m.kind === 'next' ? last + 1 : m.index;
            const added = entry(last);
            old.push(added);
            cached.set(added);
            map.set(last, added);
          } else if (m.kind === 'forget') {
            // In the order in which they came, as the cache does it.
            const oldest = old.shift();
            if (oldest !== undefined) {
              cached.forget(oldest);
              if (map.get(oldest.index) === oldest) map.delete(oldest.index);
            }
          } else if (m.kind === 'delete') {
            cached.delete(m.index);
            map.delete(m.index);
          } else if (m.kind === 'cutFrom') {
            cached.cutFrom(m.index);
            for (const key of [...map.keys()]) if (key >= m.index) map.delete(key);
          } else {
            cached.cutThrough(m.index);
            for (const key of [...map.keys()]) if (key <= m.index) map.delete(key);
          }
          const wrong: number[] = [];
          for (let at = 0; at <= 140; at++) if (cached.get(at) !== map.get(at)) wrong.push(at);
          expect(wrong).toEqual([]);
        }
      }),
    );
  });

  it('keep no memory for a row that has moved on', () => {
    const cached = new CachedEntries();
    for (let at = 1; at <= 50_000; at++) {
      const added = entry(at, 1, '');
      cached.set(added);
      if (at > 100) cached.cutThrough(at - 100);
    }
    expect([cached.get(49_900), cached.get(49_901)?.index]).toEqual([undefined, 49_901]);
  });
});
