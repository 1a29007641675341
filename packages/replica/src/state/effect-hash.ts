import { crc32 } from '@dougdb/ports';

/** What a command did to a key. */
export const EffectKind = { Put: 1, Delete: 2 } as const;
export type EffectKind = (typeof EffectKind)[keyof typeof EffectKind];

const HEADER_BYTES = 17;
const TWO_POW_32 = 0x1_0000_0000;
const header = new Uint8Array(HEADER_BYTES);

/**
 * Continues the rolling hash of a partition (S12) over one applied effect: kind, revision, length of
 * the key, length of the value (header, 17 bytes), key, value. Replicas that applied the same effects
 * have the same hash. CRC-32 maps states one to one, so a difference never vanishes by equal effects
 * that follow.
 */
export function chainEffect(
  hash: number,
  kind: EffectKind,
  revision: number,
  bytes: Uint8Array,
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  valueEnd: number,
): number {
  header[0] = kind;
  put32(1, revision);
  put32(5, Math.floor(revision / TWO_POW_32));
  put32(9, keyEnd - keyStart);
  put32(13, valueEnd - valueStart);
  let result = crc32(header, hash);
  result = crc32(bytes, result, keyStart, keyEnd);
  return crc32(bytes, result, valueStart, valueEnd);
}

/** As {@link chainEffect}, of a key and a value that lie apart; null: the key is deleted. */
export function chainPair(
  hash: number,
  revision: number,
  key: Uint8Array,
  value: Uint8Array | null,
): number {
  header[0] = value === null ? EffectKind.Delete : EffectKind.Put;
  put32(1, revision);
  put32(5, Math.floor(revision / TWO_POW_32));
  put32(9, key.length);
  put32(13, value?.length ?? 0);
  const result = crc32(key, crc32(header, hash));
  return value === null ? result : crc32(value, result);
}

function put32(at: number, value: number): void {
  header[at] = value;
  header[at + 1] = value >>> 8;
  header[at + 2] = value >>> 16;
  header[at + 3] = value >>> 24;
}
