import fc from 'fast-check';
import { bytes, keyArbitrary } from '../../test/support/entries.js';
import { fileOf } from '../../test/support/metas.js';
import { applyEdit, EMPTY_STATE, fullEdit } from './manifest-state.js';
import { decodeEdit, encodeEdit, type VersionEdit } from './version-edit.js';

const number = fc.maxSafeNat();
const level = fc.nat(6);
const editArbitrary: fc.Arbitrary<VersionEdit> = fc.record(
  {
    head: fc.record({
      formatVersion: fc.constant(1),
      comparator: fc.constant('bytewise'),
      identity: fc.uint8Array({ maxLength: 40 }),
      manifestNumber: number,
    }),
    nextFileNumber: number,
    lastSequence: number,
    hostState: fc.uint8Array({ maxLength: 300 }),
    deletedFiles: fc.array(fc.record({ level, number }), { maxLength: 3 }),
    newFiles: fc.array(
      fc.record({
        level,
        table: fc.record({
          number,
          sizeBytes: number,
          smallest: keyArbitrary,
          largest: keyArbitrary,
          smallestSequence: number,
          largestSequence: number,
          tableId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
          fileCrc: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          entries: number,
          deletions: number,
        }),
      }),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['deletedFiles', 'newFiles'] },
);

describe('a version edit', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(editArbitrary, (edit) => {
        expect(decodeEdit(encodeEdit(edit))).toEqual(edit);
      }),
    );
  });

  it('has the bytes of the format', () => {
    const edit: VersionEdit = {
      head: { formatVersion: 1, comparator: 'bytewise', identity: bytes('me'), manifestNumber: 3 },
      nextFileNumber: 300,
      lastSequence: 5,
      hostState: bytes('H'),
      deletedFiles: [{ level: 0, number: 2 }],
      newFiles: [fileOf(1, 4, 'a-c', [1, 9], 200)],
    };
    expect([...encodeEdit(edit)]).toEqual([
      ...[1, 1, 1, 2, 8, ...bytes('bytewise'), 3, 2, ...bytes('me'), 4, 1, 3],
      ...[5, 2, 0xac, 2, 6, 1, 5, 7, 1, 72, 8, 2, 0, 2],
      ...[9, 32, 1, 4, 200, 1, 1, 97, 1, 99, 1, 9, ...new Uint8Array(16).fill(4), 4, 0, 0, 0, 3, 1],
    ]);
  });

  it('passes over unknown fields that may be passed over, and refuses others as newer', () => {
    const known = encodeEdit({ lastSequence: 5 });
    expect(decodeEdit(Uint8Array.from([130, 2, 9, 9, ...known]))).toMatchObject({
      lastSequence: 5,
    });
    expect(() => decodeEdit(Uint8Array.from([100, 0, ...known]))).toThrow(
      expect.objectContaining({ code: 'SST_NEWER_FORMAT' }),
    );
    expect(() => decodeEdit(Uint8Array.from([1, 1, 2]))).toThrow(
      expect.objectContaining({ code: 'SST_NEWER_FORMAT' }),
    );
  });

  it('is refused where its bytes make no sense, whatever they are', () => {
    const damaged = fc
      .tuple(
        editArbitrary,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      )
      .map(([edit, changes]) => {
        const record = encodeEdit(edit);
        for (const [at, byte] of changes) if (record.length > 0) record[at % record.length] = byte;
        return record;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (record) => {
        try {
          decodeEdit(record);
        } catch (error) {
          expect(['DECODE', 'SST_NEWER_FORMAT']).toContain((error as { code: string }).code);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the state of a manifest', () => {
  const edits: VersionEdit[] = [
    {
      nextFileNumber: 9,
      newFiles: [fileOf(0, 4, 'a-c', [1, 5])],
      lastSequence: 5,
      hostState: bytes('A'),
    },
    { newFiles: [fileOf(0, 5, 'b-d', [6, 8])], lastSequence: 8 },
    {
      deletedFiles: [
        { level: 0, number: 4 },
        { level: 0, number: 5 },
      ],
      newFiles: [fileOf(1, 6, 'a-d', [1, 8])],
      nextFileNumber: 7,
    },
  ];

  it('is the sum of its edits', () => {
    const state = edits.reduce(applyEdit, EMPTY_STATE);
    expect([...state.files.keys()]).toEqual([6]);
    expect(state).toMatchObject({ nextFileNumber: 9, lastSequence: 8, hostState: bytes('A') });
  });

  it('is the same again from its one full edit', () => {
    const state = edits.reduce(applyEdit, EMPTY_STATE);
    const again = applyEdit(EMPTY_STATE, decodeEdit(encodeEdit(fullEdit(state, bytes('me'), 3))));
    expect(again).toEqual(state);
  });

  it('moves a table to another level in one edit', () => {
    const state = applyEdit(edits.slice(0, 1).reduce(applyEdit, EMPTY_STATE), {
      deletedFiles: [{ level: 0, number: 4 }],
      newFiles: [fileOf(1, 4, 'a-c', [1, 5])],
    });
    expect(state.files.get(4)?.level).toBe(1);
  });

  it.each([
    ['takes a table away that is not there', { deletedFiles: [{ level: 0, number: 99 }] }],
    ['takes a table out of another level', { deletedFiles: [{ level: 1, number: 4 }] }],
    ['adds a table again', { newFiles: [fileOf(1, 4, 'x')] }],
    ['makes tables overlap', { newFiles: [fileOf(1, 7, 'a-c'), fileOf(1, 8, 'b')] }],
    ['sets the last sequence back', { lastSequence: 4 }],
  ])('refuses an edit that %s', (_, edit) => {
    const state = edits.slice(0, 1).reduce(applyEdit, EMPTY_STATE);
    expect(() => applyEdit(state, edit)).toThrow(expect.objectContaining({ code: 'SST_CORRUPT' }));
  });
});
