import type { LimitTable } from '@dougdb/rpc-proto';

/** How much work of all clients a facade has under way: a cap in count and in bytes. */
export class Admission {
  readonly #limits: Pick<LimitTable, 'admittedOps' | 'admittedBytes'>;
  #ops = 0;
  #sizeBytes = 0;

  constructor(table: Pick<LimitTable, 'admittedOps' | 'admittedBytes'>) {
    this.#limits = table;
  }

  get ops(): number {
    return this.#ops;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** False when one of the caps is reached: then nothing was taken on. */
  tryEnter(sizeBytes: number): boolean {
    const { admittedOps, admittedBytes } = this.#limits;
    if (this.#ops >= admittedOps) return false;
    // One op is always let in by its size: no request is larger than a part of the cap.
    if (this.#ops > 0 && this.#sizeBytes + sizeBytes > admittedBytes) return false;
    this.#ops++;
    this.#sizeBytes += sizeBytes;
    return true;
  }

  leave(sizeBytes: number): void {
    this.#ops--;
    this.#sizeBytes -= sizeBytes;
  }
}
