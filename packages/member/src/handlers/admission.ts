import { DougError, type LimitTable } from '@dougdb/rpc-proto';

const BUSY_RETRY_AFTER_MS = 50;

/** How much work of clients one member has taken on and not answered: a cap in count and in bytes. */
export class Admission {
  readonly #limits: LimitTable;
  #ops = 0;
  #sizeBytes = 0;

  constructor(table: LimitTable) {
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

  /** @throws DougError BUSY */
  enter(sizeBytes: number): void {
    if (!this.tryEnter(sizeBytes)) throw busy('the node');
  }

  leave(sizeBytes: number): void {
    this.#ops--;
    this.#sizeBytes -= sizeBytes;
  }
}

/** @param what - has taken on as much as it may */
export function busy(what: string): DougError {
  return new DougError('BUSY', `${what} has as much unanswered work as it takes`, {
    retryAfterMs: BUSY_RETRY_AFTER_MS,
  });
}
