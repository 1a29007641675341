const SMALLEST_BYTES = 1024;
/** Up to here sizes are powers of two, above multiples of LARGE_STEP_BYTES: a large value wastes little. */
const LARGEST_POWER_BYTES = 1024 * 1024;
const LARGE_STEP_BYTES = 256 * 1024;

/**
 * Shared memory for memtables, used again and again. The collector does not know how large shared memory is
 * and would let it pile up, in each of the threads that have seen it: what is used again cannot.
 *
 * What is taken holds whatever was there before.
 */
export class SlabPool {
  readonly #maxFreeBytes: number;
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  #freeBytes = 0;

  /** @param maxFreeBytes - beyond it, what is given back is left to the collector */
  constructor(maxFreeBytes: number) {
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** Bytes that wait to be used again. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Memory of at least so many bytes. */
  take(neededBytes: number): SharedArrayBuffer {
    const sizeBytes = sizeFor(neededBytes);
    const slab = this.#free.get(sizeBytes)?.pop();
    if (slab === undefined) return new SharedArrayBuffer(sizeBytes);
    this.#freeBytes -= sizeBytes;
    return slab;
  }

  /** Nobody reads or writes it any more. */
  give(slab: SharedArrayBuffer): void {
    const sizeBytes = slab.byteLength;
    if (sizeBytes === 0 || this.#freeBytes + sizeBytes > this.#maxFreeBytes) return;
    this.#freeBytes += sizeBytes;
    const same = this.#free.get(sizeBytes);
    if (same === undefined) this.#free.set(sizeBytes, [slab]);
    else same.push(slab);
  }
}

function sizeFor(neededBytes: number): number {
  if (neededBytes > LARGEST_POWER_BYTES) {
    return Math.ceil(neededBytes / LARGE_STEP_BYTES) * LARGE_STEP_BYTES;
  }
  return 2 ** Math.ceil(Math.log2(Math.max(neededBytes, SMALLEST_BYTES)));
}
