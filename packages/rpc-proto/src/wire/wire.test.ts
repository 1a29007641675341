import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import {
  ByteSink,
  copyBytes,
  FRAME_HEADROOM_BYTES,
  fieldSize,
  varintSize,
  writeVarint,
} from './byte-sink.js';
import { WireReader } from './wire-reader.js';

const edges = Array.from({ length: 53 }, (_, bit) => 2 ** bit).flatMap((n) => [n - 1, n, n + 1]);
const anInteger = fc.oneof(fc.maxSafeNat(), fc.constantFrom(...edges), fc.nat(300));

function readerOf(...bytes: number[]): WireReader {
  const reader = new WireReader('INVALID_ARGUMENT');
  reader.set(Uint8Array.from(bytes), 0, bytes.length);
  return reader;
}

describe('varints', () => {
  it('are written as the generated code writes them, in the size that was foretold', () => {
    fc.assert(
      fc.property(anInteger, (value) => {
        const mine = new Uint8Array(10);
        const size = writeVarint(mine, 0, value);
        expect(size).toBe(varintSize(value));
        const theirs = new BinaryWriter().uint64(value).finish();
        expect([...mine.subarray(0, size)]).toEqual([...theirs]);
      }),
    );
  });

  it('are read as they were written', () => {
    fc.assert(
      fc.property(anInteger, (value) => {
        const bytes = new Uint8Array(10);
        const size = writeVarint(bytes, 0, value);
        const reader = new WireReader('INVALID_ARGUMENT');
        reader.set(bytes, 0, size);
        expect(reader.varint()).toBe(value);
        expect(reader.pos).toBe(size);
      }),
    );
  });

  it('are read with padding, like any protobuf reader does', () => {
    expect(readerOf(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).varint()).toBe(1);
  });

  it('are read as the generated code reads them, or refused when 2^53 or more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        const mine = attempt(() => readerOf(...bytes).varint());
        const theirs = attempt(() => Number(new BinaryReader(bytes).uint64()));
        if (mine !== undefined) expect(mine).toBe(theirs);
        else if (theirs !== undefined) expect(theirs).toBeGreaterThanOrEqual(2 ** 53);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['2^53', new BinaryWriter().uint64(2n ** 53n).finish()],
    ['2^64 - 1', new BinaryWriter().uint64(2n ** 64n - 1n).finish()],
  ])('of %s are refused', (_name, bytes) => {
    expect(() => readerOf(...bytes).varint()).toThrow('2^53');
  });

  it('of eleven bytes are refused', () => {
    expect(() => readerOf(...Array<number>(10).fill(0x80), 1).varint()).toThrow('varint too long');
    expect(() => readerOf(...Array<number>(10).fill(0x80), 1).skipVarint()).toThrow('too long');
  });
});

describe('WireReader', () => {
  it('never reads at its end, though the buffer goes on', () => {
    const bytes = Uint8Array.from([0x80, 0x80, 0x01, 5, 1, 2, 3, 4, 5]);
    const reader = new WireReader('INVALID_ARGUMENT');
    reader.set(bytes, 0, 2);
    expect(() => reader.varint()).toThrow('truncated');
    reader.set(bytes, 0, 0);
    expect(() => reader.varint()).toThrow('truncated');
    reader.set(bytes, 3, 8);
    expect(() => reader.range()).toThrow('truncated');
    reader.set(bytes, 3, 9);
    reader.range();
    expect([reader.start, reader.pos]).toEqual([4, 9]);
  });

  it.each([
    [-1, 2],
    [2, 1],
    [0, 4],
    [Number.NaN, 2],
    [0, Number.NaN],
  ])('refuses the range [%p, %p) of three bytes', (start, end) => {
    const reader = new WireReader('INVALID_ARGUMENT');
    expect(() => reader.set(new Uint8Array(3), start, end)).toThrow('outside');
  });

  it('refuses a length near 2^53', () => {
    const bytes = new BinaryWriter().uint64(2n ** 53n - 1n).finish();
    expect(() => readerOf(...bytes).range()).toThrow('truncated');
  });

  it.each([
    ['field 0', [0x02]],
    ['a tag of more than 32 bits', [0x80, 0x80, 0x80, 0x80, 0x10]],
  ])('refuses %s', (_name, bytes) => {
    expect(() => readerOf(...bytes).tag()).toThrow('field number');
  });

  it.each([
    ['varint', 0x08, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['fixed64', 0x09, [1, 2, 3, 4, 5, 6, 7, 8]],
    ['bytes', 0x0a, [2, 1, 2]],
    ['fixed32', 0x0d, [1, 2, 3, 4]],
  ])('steps over a %s, and refuses a cut one', (_name, tag, bytes) => {
    const reader = readerOf(...bytes);
    reader.skip(tag);
    expect(reader.pos).toBe(bytes.length);
    expect(() => readerOf(...bytes.slice(0, -1)).skip(tag)).toThrow('truncated');
  });

  it.each([3, 4, 6, 7])('refuses wire type %p', (type) => {
    expect(() => readerOf(0, 0).skip(8 + type)).toThrow('group or unknown wire type');
  });

  it('throws with the code it was made for', () => {
    const reader = new WireReader('INTERNAL');
    expect(() => reader.varint()).toThrow(expect.objectContaining({ code: 'DOUG_INTERNAL' }));
  });
});

describe('ByteSink', () => {
  it('hands out what was written, however large and however often, and never writes it again', () => {
    const aMessage = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
    const scale = fc.constantFrom(1, 1, 1, 400);
    fc.assert(
      fc.property(fc.array(fc.tuple(aMessage, scale), { maxLength: 12 }), (messages) => {
        const sink = new ByteSink();
        const taken = messages.map(([parts, times]) => {
          const wanted = parts.map((part) => repeat(part, times));
          for (const part of wanted) {
            sink.reserve(part.length);
            sink.copy(part, 0, part.length);
          }
          const all = wanted.flatMap((part) => [...part]);
          expect(sink.size).toBe(all.length);
          return { all, view: sink.take() };
        });
        for (const { all, view } of taken) {
          expect(Buffer.compare(view, Uint8Array.from(all))).toBe(0);
          if (all.length > 0) expect(view.byteOffset).toBeGreaterThanOrEqual(FRAME_HEADROOM_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the headroom of a message apart from its neighbours', () => {
    const sink = new ByteSink();
    const write = (value: number) => {
      sink.reserve(3);
      for (let i = 0; i < 3; i++) sink.byte(value);
      return sink.take();
    };
    const first = write(1);
    const second = write(2);
    new Uint8Array(
      second.buffer,
      second.byteOffset - FRAME_HEADROOM_BYTES,
      FRAME_HEADROOM_BYTES,
    ).fill(9);
    expect([...first]).toEqual([1, 1, 1]);
    expect([...second]).toEqual([2, 2, 2]);
  });

  it('drops what was not taken', () => {
    const sink = new ByteSink();
    sink.reserve(10);
    sink.varint(300);
    sink.clear();
    expect(sink.size).toBe(0);
    sink.reserve(1);
    sink.byte(7);
    expect([...sink.take()]).toEqual([7]);
  });

  it('copies ranges of any length', () => {
    const source = Uint8Array.from({ length: 200 }, (_, i) => i);
    for (const [start, end] of [
      [0, 200],
      [3, 3],
      [5, 30],
      [5, 199],
    ] as const) {
      const target = new Uint8Array(210);
      copyBytes(source, start, end, target, 7);
      expect([...target.subarray(7, 7 + end - start)]).toEqual([...source.subarray(start, end)]);
      expect(target[7 + end - start]).toBe(0);
    }
  });

  it('foretells the size of a field', () => {
    expect([0, 127, 128, 16_384].map(fieldSize)).toEqual([2, 129, 131, 16_388]);
  });
});

function repeat(part: Uint8Array, times: number): Uint8Array {
  return Uint8Array.from({ length: part.length * times }, (_, i) => part[i % part.length]!);
}

function attempt(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
