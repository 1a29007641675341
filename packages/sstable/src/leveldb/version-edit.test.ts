import fc from 'fast-check';
import { bytes } from '../../test/support/entries.js';
import { decodeLevelDbEdit, encodeLevelDbEdit, type LevelDbEdit } from './version-edit.js';
import { decodeBatch } from './write-batch.js';

const number = fc.maxSafeNat();
const level = fc.nat(6);
const internalKey = fc.uint8Array({ minLength: 8, maxLength: 20 });
const editArbitrary: fc.Arbitrary<LevelDbEdit> = fc.record(
  {
    comparator: fc.constant('leveldb.BytewiseComparator'),
    logNumber: number,
    previousLogNumber: number,
    nextFileNumber: number,
    lastSequence: number,
    deletedFiles: fc.array(fc.record({ level, number }), { maxLength: 3 }),
    newFiles: fc.array(
      fc.record({ level, number, sizeBytes: number, smallest: internalKey, largest: internalKey }),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['deletedFiles', 'newFiles'] },
);

describe("an edit of LevelDB's manifest", () => {
  it('gives its fields back', () => {
    fc.assert(
      fc.property(editArbitrary, (edit) => {
        expect(decodeLevelDbEdit(encodeLevelDbEdit(edit))).toEqual(edit);
      }),
    );
  });

  it('has the bytes of a known edit', () => {
    const edit = encodeLevelDbEdit({
      comparator: 'abc',
      logNumber: 4,
      nextFileNumber: 300,
      lastSequence: 7,
      deletedFiles: [{ level: 1, number: 5 }],
      newFiles: [
        {
          level: 2,
          number: 6,
          sizeBytes: 9,
          smallest: bytes('aAAAAAAAA'),
          largest: bytes('BBBBBBBB'),
        },
      ],
    });
    expect([...edit]).toEqual([
      ...[1, 3, 97, 98, 99, 2, 4, 3, 0xac, 2, 4, 7, 6, 1, 5],
      ...[7, 2, 6, 9, 9, ...bytes('aAAAAAAAA'), 8, ...bytes('BBBBBBBB')],
    ]);
  });

  it('passes over where compaction goes on', () => {
    expect(decodeLevelDbEdit(Uint8Array.of(5, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 4, 9))).toEqual({
      lastSequence: 9,
      deletedFiles: [],
      newFiles: [],
    });
  });

  it.each([
    ['a field of another program', [103, 1], 'SST_NEWER_FORMAT'],
    ['a level that is none', [6, 7, 1], 'DECODE'],
    ['a key shorter than its trailer', [5, 1, 7, 1, 2, 3, 4, 5, 6, 7], 'DECODE'],
    ['an end in the middle', [2], 'DECODE'],
  ])('is refused with %s', (_, record, code) => {
    expect(() => decodeLevelDbEdit(Uint8Array.from(record))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('throws nothing else, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (record) => {
        for (const decode of [decodeLevelDbEdit, decodeBatch]) {
          try {
            decode(record);
          } catch (error) {
            expect(['DECODE', 'SST_NEWER_FORMAT']).toContain((error as { code: string }).code);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a batch of LevelDB's log", () => {
  const head = [5, 0, 0, 0, 0, 0, 0, 0];

  it('gives its entries with their sequences', () => {
    const batch = [...head, 2, 0, 0, 0, 1, 1, 97, 2, 120, 121, 0, 1, 98];
    expect(decodeBatch(Uint8Array.from(batch))).toEqual([
      { sequence: 5, kind: 1, key: bytes('a'), value: bytes('xy') },
      { sequence: 6, kind: 0, key: bytes('b'), value: bytes('') },
    ]);
  });

  it.each([
    ['fewer entries than it says', [...head, 2, 0, 0, 0, 0, 1, 98]],
    ['more entries than it says', [...head, 0, 0, 0, 0, 0, 1, 98]],
    ['an unknown kind', [...head, 1, 0, 0, 0, 9, 1, 98]],
    ['an entry that is cut off', [...head, 1, 0, 0, 0, 1, 1, 98, 5]],
    ['no head', [1, 2]],
  ])('is refused with %s', (_, batch) => {
    expect(() => decodeBatch(Uint8Array.from(batch))).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });
});
