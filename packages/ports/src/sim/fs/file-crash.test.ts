import fc from 'fast-check';
import { SimRandom } from '../random.js';
import { fileAfterCrash } from './file-crash.js';
import { FileInode } from './file-inode.js';
import { type KeepPart, randomKeep } from './unsynced-part.js';

const EXTENT = 64;
const SECTOR = 8;

const newInode = (): FileInode => new FileInode({ capacityBytes: 1e6, usedBytes: 0 });
const crash = (inode: FileInode, keep: KeepPart): Uint8Array =>
  fileAfterCrash(inode, '/f', { keep, sectorBytes: SECTOR, garbage: null });
const nothing: KeepPart = () => false;
const everything: KeepPart = () => true;

type Step =
  | { readonly do: 'write'; readonly offset: number; readonly length: number }
  | { readonly do: 'truncate'; readonly size: number }
  | { readonly do: 'begin sync' }
  | { readonly do: 'end sync'; readonly ok: boolean };

const step = (syncMayFail: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        offset: fc.nat(40),
        length: fc.integer({ min: 1, max: 24 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('truncate' as const), size: fc.nat(EXTENT) }),
    },
    { weight: 2, arbitrary: fc.constant({ do: 'begin sync' } as const) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('end sync' as const),
        ok: syncMayFail ? fc.boolean() : fc.constant(true),
      }),
    },
  );

/**
 * The slow and plain way: every byte has its list of writes, a failed sync strikes them out one by
 * one. Syncs that overlap end in the order of their beginning.
 */
class ByteModel {
  readonly #bytes: { value: number; seq: number; lost: boolean }[][] = Array.from(
    { length: EXTENT },
    () => [],
  );
  readonly #durable = new Uint8Array(EXTENT);
  readonly #sizes: { size: number; seq: number; lost: boolean }[] = [];
  #durableSize = 0;
  #seq = 0;

  change(from: number, to: number, valueAt: (i: number) => number, size: number): void {
    const seq = ++this.#seq;
    for (let i = from; i < to; i++) this.#bytes[i]!.push({ value: valueAt(i), seq, lost: false });
    this.#sizes.push({ size, seq, lost: false });
  }

  mark(): number {
    return this.#seq;
  }

  end(mark: number, ok: boolean): void {
    if (!ok) {
      for (const item of [...this.#bytes.flat(), ...this.#sizes]) {
        if (item.seq <= mark) item.lost = true;
      }
      return;
    }
    const covered = (item: { seq: number; lost: boolean }): boolean =>
      item.seq <= mark && !item.lost;
    this.#bytes.forEach((writes, i) => {
      const last = writes.findLastIndex(covered);
      if (last < 0) return;
      this.#durable[i] = writes[last]!.value;
      writes.splice(0, last + 1);
    });
    const lastSize = this.#sizes.findLastIndex(covered);
    if (lastSize < 0) return;
    this.#durableSize = this.#sizes[lastSize]!.size;
    this.#sizes.splice(0, lastSize + 1);
  }

  durable(): number[] {
    return [...this.#durable.subarray(0, this.#durableSize)];
  }
}

function run(steps: readonly Step[], inode: FileInode, model: ByteModel): void {
  const syncs: { inode: number; model: number }[] = [];
  steps.forEach((current, i) => {
    const sizeBefore = inode.size;
    switch (current.do) {
      case 'write': {
        const bytes = new Uint8Array(current.length).fill(i + 1);
        inode.write(bytes, current.offset, i + 1);
        model.change(current.offset, current.offset + current.length, () => i + 1, inode.size);
        break;
      }
      case 'truncate':
        inode.truncate(current.size, i + 1);
        if (inode.size !== sizeBefore) model.change(current.size, EXTENT, () => 0, inode.size);
        break;
      case 'begin sync':
        syncs.push({ inode: inode.journal.mark(), model: model.mark() });
        break;
      case 'end sync': {
        const marks = syncs.shift();
        if (marks === undefined) break;
        if (current.ok) inode.journal.synced(marks.inode);
        else inode.journal.failed(marks.inode);
        model.end(marks.model, current.ok);
        break;
      }
    }
  });
}

describe('a file after a power loss', () => {
  it.each([
    ['of which every sync succeeds', false],
    ['of which syncs fail', true],
  ])('holds just what was synced, by a byte-by-byte model: one %s', (_name, mayFail) => {
    fc.assert(
      fc.property(fc.array(step(mayFail), { maxLength: 40 }), (steps) => {
        const inode = newInode();
        const model = new ByteModel();
        run(steps, inode, model);
        expect([...crash(inode, nothing)]).toEqual(model.durable());
      }),
      { numRuns: 200 },
    );
  });

  it('holds everything if everything is kept', () => {
    fc.assert(
      fc.property(fc.array(step(true), { maxLength: 40 }), (steps) => {
        const inode = newInode();
        run(steps, inode, new ByteModel());
        expect([...crash(inode, everything)]).toEqual([...inode.bytes]);
      }),
      { numRuns: 200 },
    );
  });

  it('is not changed by looking', () => {
    fc.assert(
      fc.property(fc.array(step(true), { maxLength: 20 }), fc.nat(100), (steps, percent) => {
        const inode = newInode();
        run(steps, inode, new ByteModel());
        const before = [...inode.bytes];
        const first = crash(inode, randomKeep(new SimRandom(1), percent));
        expect([...crash(inode, randomKeep(new SimRandom(1), percent))]).toEqual([...first]);
        expect([...inode.bytes]).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });

  it('holds in each sector what the sector held at some moment since the sync', () => {
    const writes = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 24 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(writes, fc.integer({ min: 1, max: 99 }), fc.nat(), (list, percent, seed) => {
        const inode = new FileInode({ capacityBytes: 1e6, usedBytes: 0 }, new Uint8Array(EXTENT));
        const moments = [inode.bytes.slice()];
        list.forEach(([offset, length], i) => {
          inode.write(new Uint8Array(length).fill(i + 1), offset, i + 1);
          moments.push(inode.bytes.slice());
        });
        const result = crash(inode, randomKeep(new SimRandom(seed), percent));
        for (let from = 0; from < EXTENT; from += SECTOR) {
          const sector = String(result.subarray(from, from + SECTOR));
          expect(moments.map((m) => String(m.subarray(from, from + SECTOR)))).toContain(sector);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is torn between sectors in every way there is', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const inode = new FileInode({ capacityBytes: 1e6, usedBytes: 0 }, new Uint8Array(32));
      inode.write(new Uint8Array(32).fill(1), 0, 1);
      const result = crash(inode, randomKeep(new SimRandom(seed), 50));
      seen.add([0, 8, 16, 24].map((at) => result[at]).join(''));
    }
    expect(seen.size).toBe(16);
  });

  it('may have the size of an append without its data, and lose the data with the size', () => {
    const append = (): FileInode => {
      const inode = newInode();
      inode.write(new Uint8Array(16).fill(1), 0, 1);
      return inode;
    };
    expect([...crash(append(), ({ kind }) => kind === 'size')]).toEqual(new Array(16).fill(0));
    expect([...crash(append(), ({ kind }) => kind === 'sector')]).toEqual([]);
  });

  it('shows old blocks in lost new space if asked to, never elsewhere', () => {
    const inode = new FileInode({ capacityBytes: 1e6, usedBytes: 0 }, new Uint8Array(12).fill(7));
    inode.write(new Uint8Array(200).fill(1), 12, 1);
    const result = fileAfterCrash(inode, '/f', {
      keep: ({ kind }) => kind === 'size',
      sectorBytes: SECTOR,
      garbage: new SimRandom(1),
    });
    expect(result).toHaveLength(212);
    expect([...result.subarray(0, 12)]).toEqual(new Array(12).fill(7));
    expect(result.subarray(12).some((byte) => byte !== 0)).toBe(true);
    expect(result.subarray(12).some((byte) => byte === 0)).toBe(true);
  });

  it('may hold any part of a write that had not ended', () => {
    const inode = newInode();
    inode.write(new Uint8Array(8).fill(1), 0, 1);
    inode.journal.synced(inode.journal.mark());
    inode.inFlight.add({ path: '/f', bytes: new Uint8Array(16).fill(2), position: 8, ordinal: 2 });
    expect([...crash(inode, nothing)]).toEqual(new Array(8).fill(1));
    expect([...crash(inode, everything)]).toEqual([
      ...new Array(8).fill(1),
      ...new Array(16).fill(2),
    ]);
    expect(inode.size).toBe(8);
  });

  it('does not bring back what was cut, once the cut is durable', () => {
    const inode = new FileInode({ capacityBytes: 1e6, usedBytes: 0 }, new Uint8Array(16).fill(1));
    inode.truncate(4, 1);
    expect(crash(inode, nothing)).toHaveLength(16);
    inode.journal.synced(inode.journal.mark());
    inode.truncate(16, 2);
    const after = crash(inode, everything);
    expect([...after]).toEqual([1, 1, 1, 1, ...new Array(12).fill(0)]);
  });
});

describe('randomKeep', () => {
  it('refuses what is no percentage', () => {
    for (const percent of [-1, 101, Number.NaN]) {
      expect(() => randomKeep(new SimRandom(1), percent)).toThrow(RangeError);
    }
  });
});
