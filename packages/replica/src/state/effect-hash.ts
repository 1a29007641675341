import { crc32 } from '@dougdb/ports';

/** What a command did to a key. */
export const EffectKind = { Put: 1, Delete: 2, ExpiringPut: 3, Compact: 4 } as const;
export type EffectKind = (typeof EffectKind)[keyof typeof EffectKind];

const HEADER_BYTES = 17;
const TWO_POW_32 = 0x1_0000_0000;
const header = new Uint8Array(HEADER_BYTES);
const time = new Uint8Array(8);

/**
 * Continues the rolling hash of a partition (S12) over what was done to a key: kind, revision, length of the key,
 * length of the value (header, 17 bytes), key, value (null: the key is deleted), and the time at which the key goes as
 * a u64, where it has one. Replicas that applied the same effects have the same hash. CRC-32 maps states one to one,
 * so a difference never vanishes by equal effects that follow.
 */
export function chainPair(
  hash: number,
  revision: number,
  key: Uint8Array,
  value: Uint8Array | null,
  expiresAt: number,
): number {
  if (value === null) header[0] = EffectKind.Delete;
  else header[0] = expiresAt === 0 ? EffectKind.Put : EffectKind.ExpiringPut;
  put64(header, 1, revision);
  put32(header, 9, key.length);
  put32(header, 13, value?.length ?? 0);
  let result = crc32(key, crc32(header, hash));
  if (value === null) return result;
  result = crc32(value, result);
  if (expiresAt === 0) return result;
  put64(time, 0, expiresAt);
  return crc32(time, result);
}

/** Continues it over a move of the history floor: kind, floor, zeros (header). */
export function chainFloor(hash: number, historyFloor: number): number {
  header[0] = EffectKind.Compact;
  put64(header, 1, historyFloor);
  put64(header, 9, 0);
  return crc32(header, hash);
}

function put64(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at, value);
  put32(bytes, at + 4, Math.floor(value / TWO_POW_32));
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
