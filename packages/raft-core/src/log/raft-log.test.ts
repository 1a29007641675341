import { log, voters } from '../../test/harness/host.js';
import { type Entry, entrySizeBytes } from '../entry.js';
import { MemoryStorage } from '../memory-storage.js';
import { COMPACTED } from '../storage.js';
import { RaftLog } from './raft-log.js';

const indexes = (entries: readonly Entry[] | number | string) =>
  Array.isArray(entries) ? entries.map((e: Entry) => e.index) : entries;

function stored(terms: readonly number[], edge = 0): MemoryStorage {
  const storage = new MemoryStorage(voters(1), { index: edge, term: edge > 0 ? 1 : 0 });
  storage.append(log(terms, edge + 1), 0);
  return storage;
}

const newLog = (
  storage: MemoryStorage,
  commit: number,
  applied: number,
  maxApplyingBytes: number,
): RaftLog => new RaftLog(storage, { commit, applied, maxApplyingBytes, isTailLost: false });

function raftLog(terms: readonly number[], commit = 0, applied = 0, maxApplying = 1e6) {
  return newLog(stored(terms), commit, applied, maxApplying);
}

describe('RaftLog', () => {
  it('starts with everything stored as durable', () => {
    const l = raftLog([1, 1, 2], 2, 1);
    expect([l.lastIndex, l.lastTerm, l.durable, l.committed, l.applied]).toEqual([3, 2, 3, 2, 1]);
    expect(l.uncommittedBytes).toBe(entrySizeBytes(log([2], 3)[0]!));
  });

  it('takes the applied frontier for committed', () => {
    expect(raftLog([1, 1, 2], 1, 2).committed).toBe(2);
  });

  it('keeps INVARIANT(commit-in-log): refuses a log that ends below what it promised', () => {
    expect(() => raftLog([1], 2)).toThrow(/^commit-in-log/);
    expect(() => raftLog([1], 0, 2)).toThrow(/^commit-in-log/);
  });

  it('keeps INVARIANT(log-behind-frontier): refuses a log that begins above the state machine', () => {
    expect(() => newLog(stored([1], 5), 5, 4, 1e6)).toThrow(/^log-behind-frontier/);
  });

  it('keeps INVARIANT(log-behind-frontier): throws if unapplied entries are compacted', () => {
    const storage = stored([1, 1, 1]);
    const l = newLog(storage, 3, 0, 1e6);
    storage.compact(1);
    expect(() => l.takeNextCommitted()).toThrow(/^log-behind-frontier/);
  });

  it('compares logs by term first and by length second', () => {
    const l = raftLog([1, 2, 2]);
    expect(l.isUpToDate(1, 3)).toBe(true);
    expect(l.isUpToDate(3, 2)).toBe(true);
    expect(l.isUpToDate(4, 2)).toBe(true);
    expect(l.isUpToDate(2, 2)).toBe(false);
    expect(l.isUpToDate(9, 1)).toBe(false);
  });

  it('finds the first entry that conflicts or is new', () => {
    const l = raftLog([1, 2, 2]);
    expect(l.findConflict([])).toBe(0);
    expect(l.findConflict(log([2, 2], 2))).toBe(0);
    expect(l.findConflict(log([2, 3], 2))).toBe(3);
    expect(l.findConflict(log([2, 2, 2], 2))).toBe(4);
  });

  it('keeps INVARIANT(committed-kept): throws instead of truncating a committed entry', () => {
    expect(() => raftLog([1, 2, 2], 2).truncateFrom(2)).toThrow(/^committed-kept/);
  });

  it('keeps INVARIANT(commit-monotonic) and INVARIANT(commit-in-log)', () => {
    const l = raftLog([1, 2, 2], 2);
    expect([l.commitTo(1), l.commitTo(2), l.committed]).toEqual([false, false, 2]);
    expect(() => l.commitTo(4)).toThrow(/^commit-in-log/);
    expect(() => l.commitTo(Number.NaN)).toThrow(/^commit-in-log/);
    expect([l.commitTo(3), l.committed]).toEqual([true, 3]);
  });

  it('reads across the border of storage and memory, within a size', () => {
    const l = raftLog([1, 1, 1]);
    l.append(log([2, 2], 4));
    expect(indexes(l.entries(2, 6, 1e6))).toEqual([2, 3, 4, 5]);
    expect(indexes(l.entries(4, 5, 1e6))).toEqual([4]);
    const size = entrySizeBytes(log([1], 1)[0]!);
    expect(indexes(l.entries(2, 6, 3 * size))).toEqual([2, 3, 4]);
    expect(indexes(l.entries(2, 6, 2 * size))).toEqual([2, 3]);
    expect(indexes(l.entries(2, 6, 1))).toEqual([2]);
    expect(indexes(l.entries(4, 6, 1))).toEqual([4]);
  });

  it('says that entries are compacted', () => {
    const storage = stored([1, 1, 1]);
    const l = newLog(storage, 3, 3, 1e6);
    storage.compact(2);
    expect(l.entries(1, 4, 1e6)).toBe(COMPACTED);
  });

  it('keeps INVARIANT(apply-durable): hands out committed entries only when they are durable', () => {
    const storage = stored([1]);
    const l = newLog(storage, 1, 1, 1e6);
    l.append(log([2, 2], 2));
    const appended = l.takeUnhanded();
    l.commitTo(3);
    expect([l.hasNextCommitted, l.takeNextCommitted()]).toEqual([false, []]);
    storage.append(appended.slice(0, 1), 1);
    l.durableTo(2);
    expect(indexes(l.takeNextCommitted())).toEqual([2]);
  });

  it('hands out no more bytes than may be outstanding, but at least one entry', () => {
    const size = entrySizeBytes(log([1], 1)[0]!);
    const l = raftLog([1, 1, 1, 1], 4, 0, 2 * size);
    expect(indexes(l.takeNextCommitted())).toEqual([1, 2]);
    expect(l.hasNextCommitted).toBe(false);
    l.appliedTo(1);
    expect(indexes(l.takeNextCommitted())).toEqual([3]);
    l.appliedTo(3);
    expect(indexes(l.takeNextCommitted())).toEqual([4]);
    expect(indexes(raftLog([1, 1], 2, 0, 1).takeNextCommitted())).toEqual([1]);
  });

  it('holds back what follows a damaged entry until it is mended', () => {
    const storage = stored([1, 1, 1]);
    const entries = jest.spyOn(storage, 'entries');
    const l = newLog(storage, 3, 0, 1e6);
    entries.mockReturnValueOnce('faulty');
    expect([l.takeNextCommitted(), l.hasNextCommitted]).toEqual([[], false]);
    l.retryBlocked();
    expect(indexes(l.takeNextCommitted())).toEqual([1, 2, 3]);
  });

  it('counts a damaged tail as nothing', () => {
    const storage = stored([1, 1]);
    jest.spyOn(storage, 'entries').mockReturnValueOnce('faulty');
    const l = newLog(storage, 0, 0, 1e6);
    expect(l.uncommittedBytes).toBe(entrySizeBytes(log([1], 2)[0]!));
  });

  it('takes back durability with what is truncated', () => {
    const l = raftLog([1, 1, 1], 1);
    l.truncateFrom(2);
    expect([l.durable, l.lastIndex]).toEqual([1, 1]);
    l.append(log([2], 2));
    expect(indexes(l.takeUnhanded())).toEqual([2]);
    expect(l.durable).toBe(1);
    l.durableTo(2);
    expect(l.durable).toBe(2);
    l.durableTo(1);
    expect(l.durable).toBe(2);
  });

  it('keeps few term runs however many terms pass', () => {
    const storage = stored([]);
    const l = newLog(storage, 0, 0, 1e6);
    for (let i = 1; i <= 200; i++) {
      l.append(log([i], i));
      storage.append(l.takeUnhanded(), 0);
      l.durableTo(i);
      if (i % 10 === 0) storage.compact(i - 5);
    }
    expect([l.lastIndex, l.lastTerm, l.term(199)]).toEqual([200, 200, 199]);
    expect(l.term(50)).toBe(COMPACTED);
  });
});
