/** A typed array up to this size lies in V8's own heap: nothing is cheaper than a copy of its own. */
const ON_HEAP_BYTES = 64;

/** Beyond this the copy costs more than its memory. */
const POOLED_BYTES = 1024;

const POOL_BYTES = 8 * 1024;

let pool = new ArrayBuffer(POOL_BYTES);
let used = 0;

/**
 * A copy of bytes[start, end) for a caller to keep. Memory of its own costs a typed array of middling size 300 ns
 * and a share of every garbage collection (bench/get.mjs); so those share a slab, as small Buffers of Node's do.
 * A slab stays while any of its copies does.
 */
export function copyOut(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length <= ON_HEAP_BYTES || length > POOLED_BYTES) return bytes.slice(start, end);
  if (used + length > POOL_BYTES) {
    pool = new ArrayBuffer(POOL_BYTES);
    used = 0;
  }
  const copy = new Uint8Array(pool, used, length);
  // Eight bytes each, so that copies begin where numbers may be read from.
  used = (used + length + 7) & ~7;
  copy.set(bytes.subarray(start, end));
  return copy;
}
