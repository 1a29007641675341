import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import { bytesOf, put, textOf, viewOf } from '../../test/support/commands.js';
import {
  deleteRange,
  deleteRangeStep,
  exists,
  getStep,
  putStep,
  scanStep,
  txn,
  valueIs,
} from '../../test/support/txns.js';
import { clipRange, compareKeys, isCommandInRange, isInRange } from './key-range.js';

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

describe('the keys and ranges of a command', () => {
  const liesIn = (start: string, end: string, command: Uint8Array): boolean =>
    isCommandInRange(partition(start, end), command, viewOf(command));

  it('all lie in the range of the partition, or the command does not', () => {
    const inside = {
      if: [valueIs('f', '=', '1'), exists(['g', 'm'])],
      success: [putStep('g', '1'), scanStep('f', 'm'), deleteRangeStep('h', 'i')],
      failure: [getStep('lz')],
    };
    expect(liesIn('f', 'm', txn(inside))).toBe(true);
    const outside = [
      { if: [...inside.if, valueIs('m', '=', '1')] },
      { if: [exists(['g', 'ma'])] },
      { if: [exists(['e', 'g'])] },
      { success: [...inside.success, putStep('e', '1')] },
      { success: [scanStep('f', 'n')] },
      { success: [scanStep('e', 'f')] },
      { success: [deleteRangeStep('f', 'ma')] },
      // To the last key of all.
      { success: [scanStep('f', '')] },
      // Of the list that may not be carried out, too.
      { failure: [getStep('m')] },
    ];
    for (const parts of outside) {
      expect([parts, liesIn('f', 'm', txn({ ...inside, ...parts }))]).toEqual([parts, false]);
    }
    expect(liesIn('f', 'm', deleteRange('f', 'm'))).toBe(true);
    expect(liesIn('f', 'm', deleteRange('e', 'm'))).toBe(false);
    expect(liesIn('f', 'm', deleteRange('f', 'n'))).toBe(false);
    expect(liesIn('f', 'm', deleteRange('', ''))).toBe(false);
    expect(liesIn('f', 'm', put('g', '1'))).toBe(true);
    expect(liesIn('f', 'm', put('m', '1'))).toBe(false);
  });

  it('may go to the first and to the last key of all, where the partition does', () => {
    expect(liesIn('', 'm', deleteRange('', 'm'))).toBe(true);
    expect(liesIn('f', '', deleteRange('f', ''))).toBe(true);
    expect(liesIn('', '', txn({ success: [scanStep('', '')] }))).toBe(true);
    expect(liesIn('', 'm', deleteRange('', ''))).toBe(false);
    expect(liesIn('f', '', deleteRange('', ''))).toBe(false);
  });
});
