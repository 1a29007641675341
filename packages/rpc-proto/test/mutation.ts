import fc from 'fast-check';

/** One change to encoded bytes: flip bits, overwrite, cut, insert, repeat a piece, or lie about a length. */
type Mutation =
  | { kind: 'flip'; at: number; mask: number }
  | { kind: 'set'; at: number; value: number }
  | { kind: 'cut'; at: number; count: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'repeat'; at: number; count: number }
  | { kind: 'truncate'; at: number };

const at = fc.nat(4096);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, mask: fc.integer({ min: 1, max: 255 }) }),
  fc.record({
    kind: fc.constant('set' as const),
    at,
    value: fc.constantFrom(0, 1, 2, 0x0a, 0x10, 0x12, 0x1a, 0x20, 0x7f, 0x80, 0xff),
  }),
  fc.record({ kind: fc.constant('cut' as const), at, count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant('repeat' as const), at, count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ kind: fc.constant('truncate' as const), at }),
);

function apply(bytes: Uint8Array, change: Mutation): Uint8Array {
  if (bytes.length === 0) return change.kind === 'insert' ? change.bytes : bytes;
  const offset = change.at % bytes.length;
  const head = bytes.subarray(0, offset);
  switch (change.kind) {
    case 'flip':
    case 'set': {
      const copy = bytes.slice();
      copy[offset] = change.kind === 'flip' ? copy[offset]! ^ change.mask : change.value;
      return copy;
    }
    case 'cut':
      return join(head, bytes.subarray(offset + change.count));
    case 'insert':
      return join(head, change.bytes, bytes.subarray(offset));
    case 'repeat':
      return join(
        bytes.subarray(0, offset + change.count),
        bytes.subarray(offset, offset + change.count),
        bytes.subarray(offset + change.count),
      );
    case 'truncate':
      return head;
  }
}

/** Bytes of the arbitrary with zero to three changes. */
export function mutated(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(bytes, fc.array(mutation, { maxLength: 3 }))
    .map(([original, changes]) => changes.reduce(apply, original));
}

/** Concatenates. */
export function join(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let pos = 0;
  for (const part of parts) {
    joined.set(part, pos);
    pos += part.length;
  }
  return joined;
}

/** The same bytes with others before and behind them, and where they are. */
export function embedded(
  bytes: Uint8Array,
  filler: number,
): { bytes: Uint8Array; start: number; end: number } {
  const padding = new Uint8Array(64).fill(filler);
  return { bytes: join(padding, bytes, padding), start: 64, end: 64 + bytes.length };
}
