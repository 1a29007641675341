import { log, voters } from '../test/harness/host.js';
import { MemoryStorage } from './memory-storage.js';
import { COMPACTED, UNAVAILABLE } from './storage.js';

describe('MemoryStorage', () => {
  it('starts empty, or after an edge that all members share', () => {
    const empty = new MemoryStorage(voters(1));
    expect([empty.firstIndex(), empty.lastIndex(), empty.term(0)]).toEqual([1, 0, 0]);
    const later = new MemoryStorage(voters(1), { index: 7, term: 2 });
    expect([later.firstIndex(), later.lastIndex(), later.term(7), later.term(6)]).toEqual([
      8,
      7,
      2,
      COMPACTED,
    ]);
    expect(later.initialState().hardState).toEqual({ term: 2, vote: 0, commit: 7 });
  });

  it('replaces everything from the first appended entry on', () => {
    const storage = new MemoryStorage(voters(1));
    storage.append(log([1, 1, 1]), 1);
    storage.append(log([2], 2), 1);
    expect([storage.lastIndex(), storage.term(2), storage.term(3)]).toEqual([2, 2, UNAVAILABLE]);
  });

  it('keeps the highest commit hint, and the vote apart from it', () => {
    const storage = new MemoryStorage(voters(1));
    storage.append(log([1, 1, 1]), 2);
    storage.append([], 1);
    storage.setHardState({ term: 3, vote: 1 });
    expect(storage.initialState().hardState).toEqual({ term: 3, vote: 1, commit: 2 });
  });

  it('compacts, and says of what a snapshot can be made', () => {
    const storage = new MemoryStorage(voters(1, 2));
    storage.append(log([1, 1, 2]), 3);
    expect(storage.snapshot()).toBeNull();
    storage.setSnapshot(2);
    storage.compact(2);
    storage.compact(1);
    storage.compact(9);
    expect(storage.snapshot()).toEqual({ index: 2, term: 1, confState: voters(1, 2) });
    expect([storage.firstIndex(), storage.term(2), storage.entries(2, 4, 1e6)]).toEqual([
      3,
      1,
      COMPACTED,
    ]);
    expect(storage.entries(3, 4, 1e6)).toEqual(log([2], 3));
  });
});
