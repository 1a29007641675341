/**
 * An internal key is a user key with a trailer of 8 bytes: u64 LE of sequence << 8 | kind, as in
 * LevelDB. Order: user key ascending, then sequence descending, so the newest version comes first.
 * The u64 is read as two u32: sequences are below 2^48 and stay exact numbers.
 */
export const TRAILER_BYTES = 8;

/** Highest sequence there is: 2^48 - 1. */
export const MAX_SEQUENCE = 2 ** 48 - 1;

/** Longest user key. */
export const MAX_KEY_BYTES = 65_535;

/** Longest value. */
export const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/**
 * On disk: must not change. 2 (merge), 7 (single delete) and 15 (range delete) are reserved. SetMarked is a Set in
 * every respect, and carries the host's mark.
 */
export const Kind = { Delete: 0, Set: 1, SetMarked: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Whether this program knows what an entry of the kind means. */
export function isKnownKind(kind: number): kind is Kind {
  return kind <= Kind.Set || kind === Kind.SetMarked;
}

const TWO_POW_24 = 2 ** 24;

/** Low half of the trailer: 24 bits of the sequence over the kind. */
export function trailerLow(sequence: number, kind: number): number {
  return (((sequence % TWO_POW_24) << 8) | kind) >>> 0;
}

/** High half of the trailer: the upper 24 bits of the sequence. */
export function trailerHigh(sequence: number): number {
  return Math.floor(sequence / TWO_POW_24);
}

/** The sequence in two halves of a trailer. */
export function sequenceOf(low: number, high: number): number {
  return high * TWO_POW_24 + (low >>> 8);
}

/** Writes the 8 bytes of a trailer at `at`. */
export function writeTrailer(bytes: Uint8Array, at: number, sequence: number, kind: number): void {
  writeU32(bytes, at, trailerLow(sequence, kind));
  writeU32(bytes, at + 4, trailerHigh(sequence));
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}
