import { randomFillSync } from 'node:crypto';
import type { Random } from '../random.js';

const POOL_BYTES = 4096;

/** Randomness of the operating system, fetched 4 KiB at a time. */
export class NodeRandom implements Random {
  readonly #pool = new Uint8Array(POOL_BYTES);
  readonly #view = new DataView(this.#pool.buffer);
  #used = POOL_BYTES;

  next(): number {
    if (this.#used + 8 > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const high = this.#view.getUint32(this.#used) >>> 5;
    const low = this.#view.getUint32(this.#used + 4) >>> 6;
    this.#used += 8;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  bytes(count: number): Uint8Array {
    return randomFillSync(new Uint8Array(count));
  }
}
