import fc from 'fast-check';
import { Kind } from '../../src/encoding/internal-key.js';
import { compareKeys } from '../../src/encoding/key-order.js';
import type { Cursor } from '../../src/read/cursor.js';

/** One version of a key, as tests write it down. */
export interface Entry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: Kind;
  readonly value: Uint8Array;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

export function put(key: string, sequence: number, value = `${key}@${sequence}`): Entry {
  return { key: bytes(key), sequence, kind: Kind.Set, value: bytes(value) };
}

export function marked(key: string, sequence: number, value = `${key}@${sequence}`): Entry {
  return { ...put(key, sequence, value), kind: Kind.SetMarked };
}

export function del(key: string, sequence: number): Entry {
  return { key: bytes(key), sequence, kind: Kind.Delete, value: bytes('') };
}

export function compareEntries(a: Entry, b: Entry): number {
  return compareKeys(a.key, b.key) || b.sequence - a.sequence;
}

/** Sorted, each (key, sequence) once. */
export function sorted(entries: readonly Entry[]): Entry[] {
  const result: Entry[] = [];
  for (const entry of [...entries].sort(compareEntries)) {
    const last = result.at(-1);
    if (last === undefined || compareEntries(last, entry) !== 0) result.push(entry);
  }
  return result;
}

/** Keys that share prefixes and hold zeros, so that short and long ones meet. */
export const keyArbitrary: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .array(fc.constantFrom(0, 1, 97, 98, 255), { maxLength: 7 })
    .map((list) => Uint8Array.from(list)),
  fc.uint8Array({ maxLength: 12 }),
);

export const entryArbitrary: fc.Arbitrary<Entry> = fc
  .record({
    key: keyArbitrary,
    sequence: fc.oneof(
      fc.integer({ min: 0, max: 9 }),
      fc.maxSafeNat().map((n) => n % 2 ** 48),
    ),
    kind: fc.constantFrom(Kind.Set, Kind.Set, Kind.SetMarked, Kind.Delete),
    value: fc.uint8Array({ maxLength: 20 }),
  })
  .map((entry) => (entry.kind === Kind.Delete ? { ...entry, value: bytes('') } : entry));

/** What a cursor stands at. */
export function entryAt(cursor: Cursor): Entry {
  return {
    key: cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd),
    sequence: cursor.sequence,
    kind: cursor.kind as Kind,
    value: cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd),
  };
}

export function forward(cursor: Cursor): Entry[] {
  const entries: Entry[] = [];
  for (cursor.first(); cursor.valid; cursor.next()) entries.push(entryAt(cursor));
  return entries;
}

export function backward(cursor: Cursor): Entry[] {
  const entries: Entry[] = [];
  for (cursor.last(); cursor.valid; cursor.prev()) entries.push(entryAt(cursor));
  return entries;
}

/** A key and a sequence to seek. */
export const targetArbitrary = fc.record({
  key: keyArbitrary,
  sequence: fc.oneof(fc.constantFrom(-1, 2 ** 48 - 1), fc.integer({ min: 0, max: 9 })),
});

/** Checks seek and seekBefore of a cursor against a sorted list. */
export function expectSeeks(
  cursor: Cursor,
  list: readonly Entry[],
  target: { readonly key: Uint8Array; readonly sequence: number },
): void {
  const { key, sequence } = target;
  const at = list.findIndex(
    (entry) => (compareKeys(entry.key, key) || sequence - entry.sequence) >= 0,
  );
  const split = at < 0 ? list.length : at;
  cursor.seek(key, 0, key.length, sequence);
  expect(cursor.valid ? entryAt(cursor) : undefined).toEqual(list[split]);
  const after: Entry[] = [];
  for (; cursor.valid; cursor.next()) after.push(entryAt(cursor));
  expect(after).toEqual(list.slice(split));
  cursor.seekBefore(key, 0, key.length, sequence);
  const before: Entry[] = [];
  for (; cursor.valid; cursor.prev()) before.push(entryAt(cursor));
  expect(before.reverse()).toEqual(list.slice(0, split));
}

/** A cursor over a sorted list. */
export class ArrayCursor implements Cursor {
  valid = false;
  keyBytes = bytes('');
  keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  kind = 0;
  valueBytes = bytes('');
  valueStart = 0;
  valueEnd = 0;
  isClosed = false;
  readonly #list: readonly Entry[];
  #at = 0;

  constructor(list: readonly Entry[]) {
    this.#list = list;
  }

  first(): void {
    this.#place(0);
  }

  last(): void {
    this.#place(this.#list.length - 1);
  }

  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    this.#place(this.#find(key.slice(keyStart, keyEnd), sequence));
  }

  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    this.#place(this.#find(key.slice(keyStart, keyEnd), sequence) - 1);
  }

  next(): void {
    this.#place(this.#at + 1);
  }

  prev(): void {
    this.#place(this.#at - 1);
  }

  close(): void {
    this.isClosed = true;
  }

  #find(key: Uint8Array, sequence: number): number {
    const at = this.#list.findIndex(
      (entry) => (compareKeys(entry.key, key) || sequence - entry.sequence) >= 0,
    );
    return at < 0 ? this.#list.length : at;
  }

  #place(at: number): void {
    const entry = this.#list[at];
    this.#at = at;
    this.valid = entry !== undefined;
    if (entry === undefined) return;
    // In buffers of its own with bytes around them, as real cursors have them.
    this.keyBytes = padded(1, entry.key, 1);
    this.keyStart = 1;
    this.keyEnd = 1 + entry.key.length;
    this.sequence = entry.sequence;
    this.kind = entry.kind;
    this.valueBytes = padded(2, entry.value, 0);
    this.valueStart = 2;
    this.valueEnd = 2 + entry.value.length;
  }
}

function padded(before: number, data: Uint8Array, after: number): Uint8Array {
  const result = new Uint8Array(before + data.length + after).fill(9);
  result.set(data, before);
  return result;
}
