import { type PartitionDescriptor, ReplicaRole } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { compareBytes } from '../compare-bytes.js';
import { decodeRow, encodeRow, type MetaRow } from './row-format.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hexOf = (value: Uint8Array): string => Buffer.from(value).toString('hex');

function descriptor(more: Partial<PartitionDescriptor> = {}): PartitionDescriptor {
  return {
    partitionId: 2,
    keyspace: 1,
    start: new Uint8Array(0),
    end: bytes('m'),
    epoch: { version: 1, conf: 1 },
    replicas: [
      { replicaId: 104, nodeId: 1, role: ReplicaRole.REPLICA_ROLE_VOTER },
      { replicaId: 105, nodeId: 2, role: ReplicaRole.REPLICA_ROLE_LEARNER },
    ],
    ...more,
  };
}
const node = { nodeId: 3, uuid: new Uint8Array(16).fill(7), address: 'h:1' };
const settings = {
  replicationFactor: 5,
  heartbeatMs: 50,
  electionMinMs: 160,
  leaseReads: false,
  splitAt: [bytes('m')],
};

const rows: MetaRow[] = [
  { kind: 'partition', descriptor: descriptor() },
  {
    kind: 'partition',
    descriptor: descriptor({ partitionId: 3, start: bytes('m'), end: new Uint8Array(0) }),
  },
  { kind: 'node', node },
  { kind: 'settings', settings },
  { kind: 'version', version: 2 },
  { kind: 'next-ids', ids: { partition: 4, replica: 110, node: 2 ** 40 + 1 } },
];

describe('rows of the meta group', () => {
  it('have the bytes of their specification (golden)', () => {
    expect(
      rows.map((row) => encodeRow(row)).map(({ key, value }) => [hexOf(key), hexOf(value)]),
    ).toEqual([
      [
        '0100000001006d',
        '01' + '08021001' + '22016d' + '2a0408011001' + '3206086810011801' + '3206086910021802',
      ],
      [
        '010000000101',
        '01' + '08031001' + '1a016d' + '2a0408011001' + '3206086810011801' + '3206086910021802',
      ],
      ['020000000000000003', `0108031210${'07'.repeat(16)}1a03683a31`],
      ['03', '01' + '0805' + '1032' + '18a001' + '22016d'],
      ['04', '01' + '0200000000000000'],
      ['05', '01' + '0400000000000000' + '6e00000000000000' + '0100000000010000'],
    ]);
  });

  it('give back what was written', () => {
    const end = fc.uint8Array({ minLength: 1, maxLength: 40 });
    const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(end, id, fc.nat(3), fc.string(), (upper, number, keyspace, address) => {
        const all: MetaRow[] = [
          {
            kind: 'partition',
            descriptor: descriptor({ partitionId: number, keyspace, end: upper }),
          },
          { kind: 'node', node: { ...node, nodeId: number, address } },
          { kind: 'settings', settings: { ...settings, splitAt: [upper] } },
          { kind: 'version', version: number },
          { kind: 'next-ids', ids: { partition: number, replica: number, node: 1 } },
        ];
        for (const row of all) {
          const { key, value } = encodeRow(row);
          expect(decodeRow(key, value)).toMatchObject(row);
        }
      }),
    );
  });

  it('of partitions sort by keyspace and end, the open end last: one seek finds the partition of a key', () => {
    const end = fc.uint8Array({ minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.uniqueArray(end, { maxLength: 8, selector: hexOf }), end, (ends, wanted) => {
        const sorted = [...ends].sort(compareBytes);
        const bounds = [...sorted, new Uint8Array(0)];
        const keys = bounds.map(
          (upper) => encodeRow({ kind: 'partition', descriptor: descriptor({ end: upper }) }).key,
        );
        expect([...keys].sort(compareBytes)).toEqual(keys);
        // The place of the key itself: whatever ends there or below does not hold it.
        const place = encodeRow({ kind: 'partition', descriptor: descriptor({ end: wanted }) }).key;
        const found = keys.findIndex((key) => compareBytes(key, place) > 0);
        const holds = bounds.findIndex(
          (upper) => upper.length === 0 || compareBytes(wanted, upper) < 0,
        );
        expect(found).toBe(holds);
      }),
    );
    const meta = encodeRow({
      kind: 'partition',
      descriptor: descriptor({ keyspace: 0, end: new Uint8Array(0) }),
    });
    const first = encodeRow({
      kind: 'partition',
      descriptor: descriptor({ end: Uint8Array.of(0) }),
    });
    expect(compareBytes(meta.key, first.key)).toBeLessThan(0);
  });

  it('of a later version are told from damage', () => {
    const { key, value } = encodeRow(rows[2] as MetaRow);
    const later = value.slice();
    later[0] = 2;
    expect(decodeRow(key, later)).toEqual({ kind: 'unknown' });
    expect(decodeRow(Uint8Array.of(6), value)).toEqual({ kind: 'unknown' });
    expect(decodeRow(Uint8Array.of(0), value)).toEqual({ kind: 'unknown' });
  });

  it.each<[string, Uint8Array, Uint8Array]>([
    ['no key', new Uint8Array(0), Uint8Array.of(1)],
    ['no value', Uint8Array.of(3), new Uint8Array(0)],
    [
      'a partition at another end',
      encodeRow(rows[1] as MetaRow).key,
      encodeRow(rows[0] as MetaRow).value,
    ],
    [
      'a node under another id',
      encodeRow({ kind: 'node', node: { ...node, nodeId: 4 } }).key,
      encodeRow(rows[2] as MetaRow).value,
    ],
    [
      'an unknown field',
      Uint8Array.of(3),
      Uint8Array.of(...encodeRow(rows[3] as MetaRow).value, 0x78, 1),
    ],
    ['a number of 2^53', Uint8Array.of(4), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x20, 0)],
    ['a short number', Uint8Array.of(4), Uint8Array.of(1, 0)],
    ...(
      [
        [{ partitionId: 0 }, 'no id'],
        [{ epoch: undefined }, 'no epoch'],
        [{ start: bytes('m') }, 'an empty range'],
      ] as const
    ).map(([more, what]): [string, Uint8Array, Uint8Array] => {
      const { key, value } = encodeRow({ kind: 'partition', descriptor: descriptor(more) });
      return [`a partition with ${what}`, key, value];
    }),
    [
      'a node without a uuid',
      encodeRow({ kind: 'node', node: { ...node, uuid: new Uint8Array(0) } }).key,
      encodeRow({ kind: 'node', node: { ...node, uuid: new Uint8Array(0) } }).value,
    ],
  ])('are refused: %s', (_what, key, value) => {
    expect(decodeRow(key, value).kind).toBe('bad');
  });

  it('never throw, and are never taken for others: any damage is refused or is a row by itself', () => {
    const encoded = rows.map(encodeRow);
    fc.assert(
      fc.property(
        fc.nat(rows.length - 1),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (which, at, flip, inKey) => {
          const key = (encoded[which] as { key: Uint8Array }).key.slice();
          const value = (encoded[which] as { value: Uint8Array }).value.slice();
          const target = inKey ? key : value;
          target[at % target.length] = (target[at % target.length] as number) ^ flip;
          const row = decodeRow(key, value);
          if (row.kind === 'bad' || row.kind === 'unknown') return;
          const again = encodeRow(row);
          expect([hexOf(again.key), hexOf(again.value)]).toEqual([hexOf(key), hexOf(value)]);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
