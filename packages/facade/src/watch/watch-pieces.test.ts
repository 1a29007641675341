import fc from 'fast-check';
import { compareKeys, isBelowEnd } from '../key-range.js';
import { advanced, piecesFor, WatchCursor } from './watch-pieces.js';
import {
  positionAt,
  positionBehind,
  type WatchedRange,
  type WatchPiece,
} from './watch-position.js';
import { decodeWatchToken, encodeWatchToken } from './watch-token.js';

const none = new Uint8Array(0);

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

function range(partitionId: number, start: string, end: string): WatchedRange {
  return { partitionId, epochVersion: 1, start: bytes(start), end: bytes(end) };
}

function piece(
  partitionId: number,
  start: string,
  end: string,
  revision: number,
  lastKey = '',
): WatchPiece {
  return { ...range(partitionId, start, end), revision, lastKey: bytes(lastKey) };
}

describe('the pieces of a range', () => {
  it('are those of the token where the partitions are as they were', () => {
    const pieces = [piece(2, '', 'm', 7, 'c'), piece(3, 'm', '', 9)];
    expect(piecesFor(pieces, range(2, '', 'm'))).toEqual([pieces[0]]);
    expect(piecesFor(pieces, range(3, 'm', ''))).toEqual([pieces[1]]);
  });

  it('of both halves of a split are those of the whole', () => {
    const pieces = [piece(2, 'a', 'z', 7, 'p')];
    expect(piecesFor(pieces, range(2, 'a', 'm'))).toEqual([piece(2, 'a', 'm', 7, 'p')]);
    expect(piecesFor(pieces, range(9, 'm', 'z'))).toEqual([piece(9, 'm', 'z', 7, 'p')]);
  });

  it('keep their own positions where several meet in a partition', () => {
    const pieces = [piece(2, 'a', 'm', 7), piece(3, 'm', 'z', 9, 'x')];
    expect(piecesFor(pieces, range(2, 'c', 'q'))).toEqual([
      piece(2, 'c', 'm', 7),
      piece(2, 'm', 'q', 9, 'x'),
    ]);
  });

  it.each([
    ['begins before them', 'a', 'd'],
    ['ends behind them', 'c', 'x'],
    ['goes to the last key', 'c', ''],
    ['has a gap in it', 'c', 'h'],
    ['lies elsewhere', 'x', 'y'],
    ['lies in the gap', 'e', 'f'],
  ])('are refused for a range that %s', (_what, start, end) => {
    const pieces = [piece(2, 'b', 'e', 7), piece(2, 'g', 'k', 7)];
    expect(() => piecesFor(pieces, range(2, start, end))).toThrow(
      expect.objectContaining({ code: 'DOUG_INVALID_ARGUMENT' }),
    );
  });
});

describe('a position that moves on', () => {
  it('takes those that are behind it along and leaves those that are ahead', () => {
    const pieces = [piece(2, 'a', 'c', 4), piece(2, 'c', 'e', 9), piece(2, 'e', 'g', 4, 'f')];
    expect(advanced(pieces, positionBehind(6, bytes('b')))).toEqual([
      piece(2, 'a', 'c', 5, 'b'),
      piece(2, 'c', 'e', 9),
      piece(2, 'e', 'g', 5, 'b'),
    ]);
    expect(advanced(pieces, positionAt(9))).toEqual([piece(2, 'a', 'g', 9)]);
    expect(advanced(pieces, positionAt(4))).toBe(pieces);
  });
});

describe('a cursor', () => {
  it('tells of each piece what was not told of it', () => {
    const cursor = new WatchCursor([piece(2, 'a', 'm', 7, 'c'), piece(2, 'm', 'z', 9)]);
    expect(cursor.position).toMatchObject({ revision: 7, lastKey: bytes('c') });
    const due = (revision: number, key: string): boolean => cursor.isDue(revision, bytes(key));
    expect([due(7, 'd'), due(8, 'c'), due(8, 'd'), due(9, 'b')]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([due(8, 'm'), due(9, 'y'), due(10, 'm')]).toEqual([false, false, true]);
  });
});

/** A change of some keys at one revision of a partition. Ids are those of the changes, one for each key. */
interface Change {
  readonly revision: number;
  readonly key: string;
  readonly id: number;
}

interface Partition {
  readonly range: WatchedRange;
  /** By revision, then by key; with what it has from before it was split off. */
  changes: Change[];
  revision: number;
}

/** Partitions that change and split, and one watch that is resumed by nothing but its token. */
class World {
  partitions: Partition[] = [{ range: range(2, '', ''), changes: [], revision: 0 }];
  pieces: readonly WatchPiece[];
  readonly told: Change[] = [];
  #nextId = 1;
  #nextPartition = 3;

  constructor(start: string, end: string) {
    this.pieces = [piece(2, start, end, 0)];
  }

  change(at: number, keys: readonly string[]): void {
    const partition = this.partitions[at % this.partitions.length]!;
    const inside = [...new Set(keys)].sort().filter((key) => contains(partition.range, key));
    partition.revision++;
    for (const key of inside) {
      partition.changes.push({ revision: partition.revision, key, id: this.#nextId++ });
    }
  }

  split(key: string): void {
    const whole = this.partitions.find(({ range: held }) => contains(held, key))!;
    if (compareKeys(whole.range.start, bytes(key)) === 0) return;
    const { partitionId, epochVersion, start, end } = whole.range;
    const halves: WatchedRange[] = [
      { partitionId, epochVersion: epochVersion + 1, start, end: bytes(key) },
      {
        partitionId: this.#nextPartition++,
        epochVersion: epochVersion + 1,
        start: bytes(key),
        end,
      },
    ];
    this.partitions = this.partitions.flatMap((partition) =>
      partition !== whole
        ? [partition]
        : halves.map((half) => ({
            range: half,
            changes: whole.changes.filter((change) => contains(half, change.key)),
            revision: whole.revision,
          })),
    );
  }

  /**
   * Resumes from the token and takes at most so many changes of one partition. What the map of partitions
   * was is up to the caller: `seenBy` may be from before a split.
   */
  take(
    at: number,
    most: number,
    marks: boolean,
    seenBy: readonly Partition[] = this.partitions,
  ): void {
    const partition = seenBy[at % seenBy.length]!;
    const asked = intersection(partition.range, this.pieces[0]!.start, this.pieces.at(-1)!.end);
    if (asked === null) return;
    const cursor = new WatchCursor(piecesFor(this.pieces, asked));
    const { revision } = cursor.position;
    let left = most;
    for (const change of partition.changes) {
      const key = bytes(change.key);
      if (change.revision <= revision || !contains(asked, change.key)) continue;
      if (!cursor.isDue(change.revision, key)) continue;
      if (left-- === 0) break;
      this.told.push(change);
      cursor.advance(positionBehind(change.revision, key));
    }
    if (left >= 0 && marks) cursor.advance(positionAt(partition.revision));
    this.#replace(cursor.pieces);
  }

  #replace(by: readonly WatchPiece[]): void {
    const from = by[0]!.start;
    const to = by.at(-1)!.end;
    const rest = this.pieces.flatMap((old) => [
      ...(compareKeys(old.start, from) < 0
        ? [{ ...old, end: isBelowEnd(from, old.end) ? from : old.end }]
        : []),
      ...(to.length > 0 && isBelowEnd(to, old.end)
        ? [{ ...old, start: compareKeys(old.start, to) > 0 ? old.start : to }]
        : []),
    ]);
    const all = [...rest, ...by].sort((a, b) => compareKeys(a.start, b.start));
    this.pieces = decodeWatchToken(encodeWatchToken({ clusterId: none, pieces: all }), none).pieces;
  }
}

function contains({ start, end }: Pick<WatchedRange, 'start' | 'end'>, key: string): boolean {
  return compareKeys(bytes(key), start) >= 0 && isBelowEnd(bytes(key), end);
}

function intersection(of: WatchedRange, start: Uint8Array, end: Uint8Array): WatchedRange | null {
  const from = compareKeys(of.start, start) > 0 ? of.start : start;
  const to = end.length > 0 && isBelowEnd(end, of.end) ? end : of.end;
  return isBelowEnd(from, to) ? { ...of, start: from, end: to } : null;
}

describe('a watch that is resumed by its token alone', () => {
  const key = fc.constantFrom(...'abcdefghij');
  const step = fc.oneof(
    fc.record({
      do: fc.constant('change' as const),
      at: fc.nat(9),
      keys: fc.array(key, { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ do: fc.constant('split' as const), key }),
    fc.record({
      do: fc.constant('take' as const),
      at: fc.nat(9),
      most: fc.nat(4),
      marks: fc.boolean(),
      // A replica that has not come to the newest split yet.
      late: fc.boolean(),
    }),
  );

  it.each([
    ['all keys', '', ''],
    ['some keys', 'c', 'h'],
  ])(
    'is told each change of %s once, those of a key in their order, over any splits',
    (_what, start, end) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const world = new World(start, end);
          let before = world.partitions;
          for (const next of steps) {
            if (next.do === 'change') world.change(next.at, next.keys);
            if (next.do === 'split') {
              before = world.partitions;
              world.split(next.key);
            }
            if (next.do === 'take') {
              world.take(next.at, next.most, next.marks, next.late ? before : world.partitions);
            }
          }
          for (let at = 0; at < world.partitions.length; at++) world.take(at, 1_000, true);

          const all = world.partitions
            .flatMap(({ changes }) => changes)
            .filter((change) => contains({ start: bytes(start), end: bytes(end) }, change.key));
          const byId = (a: Change, b: Change): number => a.id - b.id;
          expect([...world.told].sort(byId)).toEqual([...all].sort(byId));
          for (const one of 'abcdefghij') {
            const ids = world.told.filter((change) => change.key === one).map(({ id }) => id);
            expect(ids).toEqual([...ids].sort((a, b) => a - b));
          }
        }),
        { numRuns: 300 },
      );
    },
  );
});
