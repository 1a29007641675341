import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { clipRange, compareKeys, isInRange } from './key-range.js';

const partition = (start: string, end: string): PartitionDescriptor => ({
  partitionId: 2,
  keyspace: 1,
  start: bytesOf(start),
  end: bytesOf(end),
  epoch: { version: 1, conf: 1 },
  replicas: [],
});

const isIn = (start: string, end: string, key: string): boolean => {
  const bytes = bytesOf(`..${key}..`);
  return isInRange(partition(start, end), bytes, 2, 2 + key.length);
};

const clip = (start: string, end: string, from: string, to: string): string[] | null => {
  const range = clipRange(partition(start, end), bytesOf(from), bytesOf(to));
  return range === null ? null : [textOf(range.start), textOf(range.end)];
};

describe('key ranges', () => {
  it('hold their start and not their end', () => {
    expect(isIn('f', 'm', 'f')).toBe(true);
    expect(isIn('f', 'm', 'lzzz')).toBe(true);
    expect(isIn('f', 'm', 'm')).toBe(false);
    expect(isIn('f', 'm', 'ezz')).toBe(false);
    expect(isIn('', '', 'anything')).toBe(true);
    expect(isIn('', 'm', 'a')).toBe(true);
    expect(isIn('f', '', 'zzz')).toBe(true);
  });

  it('compare unsigned bytes, a prefix first', () => {
    expect(compareKeys(new Uint8Array([0xff]), new Uint8Array([1, 1]))).toBeGreaterThan(0);
    expect(compareKeys(bytesOf('ab'), bytesOf('abc'))).toBeLessThan(0);
    expect(compareKeys(bytesOf('ab'), bytesOf('ab'))).toBe(0);
  });

  it('are cut to what a partition holds', () => {
    expect(clip('f', 'm', '', '')).toEqual(['f', 'm']);
    expect(clip('f', 'm', 'a', 'h')).toEqual(['f', 'h']);
    expect(clip('f', 'm', 'h', 'z')).toEqual(['h', 'm']);
    expect(clip('', '', 'h', 'z')).toEqual(['h', 'z']);
    expect(clip('', '', '', '')).toEqual(['', '']);
    expect(clip('f', '', 'a', '')).toEqual(['f', '']);
    expect(clip('f', 'm', 'm', '')).toBeNull();
    expect(clip('f', 'm', '', 'f')).toBeNull();
  });
});
