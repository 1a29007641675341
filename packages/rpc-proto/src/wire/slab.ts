const slabBytes = 65_536;
/** Larger pieces get a buffer of their own: they would waste the rest of a slab. */
const largestPieceBytes = 8192;

let slab = new Uint8Array(0);
let used = 0;

/**
 * A piece of zeroed memory that is never handed out again. A small one is cut from a buffer that it
 * shares with its neighbours, which is about ten times as fast as a buffer of its own
 * (scripts/bench.mjs); that buffer lives as long as any piece of it.
 */
export function allocate(sizeBytes: number): Uint8Array {
  if (sizeBytes > largestPieceBytes) return new Uint8Array(sizeBytes);
  if (used + sizeBytes > slab.length) {
    slab = new Uint8Array(slabBytes);
    used = 0;
  }
  const piece = slab.subarray(used, used + sizeBytes);
  used += sizeBytes;
  return piece;
}
