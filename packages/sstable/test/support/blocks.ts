import { TRAILER_BYTES, writeTrailer } from '../../src/encoding/internal-key.js';
import { BlockBuilder } from '../../src/table/block-builder.js';
import type { Entry } from './entries.js';

/** The contents of a block of these entries, which must be sorted. Checks what its builder says of itself. */
export function buildBlock(entries: readonly Entry[], restartInterval: number): Uint8Array {
  const builder = new BlockBuilder(restartInterval);
  for (const { key, sequence, kind, value } of entries) {
    const internal = new Uint8Array(key.length + TRAILER_BYTES);
    internal.set(key);
    writeTrailer(internal, key.length, sequence, kind);
    builder.add(internal, internal.length, value, 0, value.length);
  }
  expect(builder.entries).toBe(entries.length);
  const sizeBytes = builder.sizeBytes;
  const block = builder.finish(0).slice();
  expect(block).toHaveLength(sizeBytes);
  return block;
}
