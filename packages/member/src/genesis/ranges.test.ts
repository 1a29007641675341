import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import { compareDescriptors, rangesFault } from './ranges.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function partition(id: number, keyspace: number, start: string, end: string): PartitionDescriptor {
  return {
    partitionId: id,
    keyspace,
    start: bytes(start),
    end: bytes(end),
    epoch: { version: 1, conf: 1 },
    replicas: [],
  };
}

const whole = [
  partition(4, 1, 'p', ''),
  partition(1, 0, '', ''),
  partition(2, 1, '', 'g'),
  partition(3, 1, 'g', 'p'),
];

describe('ranges of partitions', () => {
  it('INVARIANT(ranges-cover): cover each keyspace whole, in whatever order they are listed', () => {
    expect(rangesFault(whole)).toBeNull();
    expect(rangesFault([])).toBeNull();
    expect([...whole].sort(compareDescriptors).map((p) => p.partitionId)).toEqual([1, 2, 3, 4]);
  });

  it.each<[string, PartitionDescriptor[], string]>([
    [
      'a hole',
      whole.filter((p) => p.partitionId !== 3),
      'partition 4 of keyspace 1 does not begin',
    ],
    ['no beginning', whole.filter((p) => p.partitionId !== 2), 'nothing holds the first keys'],
    ['no end', whole.filter((p) => p.partitionId !== 4), 'nothing holds the last keys'],
    ['an overlap', [partition(2, 1, '', 'h'), partition(3, 1, 'g', '')], 'does not begin where'],
    ['one inside another', [...whole, partition(5, 1, 'h', 'i')], 'does not begin where'],
    ['two open ends', [partition(2, 1, '', ''), partition(3, 1, 'g', '')], 'does not begin where'],
    ['the same range twice', [...whole, partition(5, 0, '', '')], 'does not begin where'],
    ['an empty range', [...whole, partition(5, 2, 'x', 'x')], 'has an empty range'],
    ['a range that runs backwards', [partition(2, 1, 'x', 'a')], 'has an empty range'],
  ])('have a fault with %s', (_what, partitions, why) => {
    expect(rangesFault(partitions)).toContain(why);
  });
});
