import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader } from '../encoding/byte-reader.js';
import { MAX_UVARINT_BYTES, writeUvarint } from '../encoding/byte-writer.js';
import { isSstError } from '../encoding/error-code.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../encoding/internal-key.js';

/** Compression byte of a block of our own tables. On disk: must not change; others are reserved. */
export const Compression = {
  None: 0,
  /** size of the contents uvarint | raw deflate stream (RFC 1951) */
  DeflateRaw: 2,
} as const;

/** How data blocks are packed. */
export type CompressionName = 'none' | 'deflate-raw';

/** More than any block can have: one entry of the longest key and value behind a block that was all but full. */
const MAX_CONTENTS_BYTES = 2 * (MAX_VALUE_BYTES + MAX_KEY_BYTES);

/** A deflate stream cannot make more out of one byte (RFC 1951: 258 bytes of two bits). */
const MAX_EXPANSION = 1032;

/** A block that shrinks by less than an eighth stays as it is: reading it costs less. */
const KEPT_EIGHTHS = 7;

/**
 * The contents packed, with room for `spareBytes` behind; null if that does not pay.
 * Level 1 of deflate: twice as fast as the default for a tenth more bytes.
 */
export function compress(
  contents: Uint8Array,
  length: number,
  spareBytes: number,
): Uint8Array | null {
  const packed = deflateRawSync(contents.subarray(0, length), { level: 1 });
  const head = new Uint8Array(MAX_UVARINT_BYTES);
  const headLength = writeUvarint(head, 0, length);
  const total = headLength + packed.length;
  if (total * 8 > length * KEPT_EIGHTHS) return null;
  const block = new Uint8Array(total + spareBytes);
  block.set(head.subarray(0, headLength));
  block.set(packed, headLength);
  return block;
}

/**
 * The contents that compress() was given. What a block claims is not believed: no more memory is taken than
 * the stream can fill.
 * @throws SstError SST_CORRUPT
 */
export function decompress(packed: Uint8Array, file: string, offset: number): Uint8Array {
  const fail = (what: string, cause?: unknown): SstError =>
    new SstError(SstErrorCode.Corrupt, `compressed block at ${offset} of ${file} ${what}`, {
      file,
      offset,
      cause,
    });
  let size: number;
  let start: number;
  try {
    const reader = new ByteReader(packed);
    size = reader.uvarint();
    start = reader.offset;
  } catch (error) {
    throw fail('does not say its size', error);
  }
  const stream = packed.subarray(start);
  if (size > MAX_CONTENTS_BYTES || size > stream.length * MAX_EXPANSION) {
    throw fail(`says that it has ${size} bytes, which ${stream.length} cannot hold`);
  }
  const contents = inflate(stream, size, fail);
  if (contents.length !== size) {
    throw fail(`has ${contents.length} bytes, says ${size}`);
  }
  return contents;
}

function inflate(
  stream: Uint8Array,
  size: number,
  fail: (what: string, cause?: unknown) => SstError,
): Uint8Array {
  try {
    // At least one byte: an output of none is not a length that zlib takes.
    const { buffer, engine } = inflateRawSync(stream, {
      maxOutputLength: Math.max(1, size),
      info: true,
    }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
    if (engine.bytesWritten !== stream.length) throw fail('goes on behind its end');
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    if (isSstError(error)) throw error;
    throw fail('cannot be inflated', error);
  }
}
