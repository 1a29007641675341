import { DougError, limits } from '@dougdb/rpc-proto';

/** How much may be called and not settled. */
export interface PendingBounds {
  /** Operations; each key of a getMany is one. */
  readonly operations: number;
  /** Bytes of keys and values, and 64 more for each operation. */
  readonly bytes: number;
}

/** The largest operation: whoever was told that there is room may call with any. */
const largestBytes = 64 + limits.keyBytes + limits.valueBytes;

/**
 * Bounds the memory of a client whose application calls faster than the cluster answers: what finds no
 * room is refused with BUSY. Who would rather wait waits until half of it is free.
 */
export class PendingLimit {
  readonly #bounds: PendingBounds;
  readonly #waiting = new Set<() => void>();
  #operations = 0;
  #bytes = 0;

  constructor(bounds: PendingBounds) {
    this.#bounds = bounds;
  }

  /** What is called and not settled. */
  get pending(): PendingBounds {
    return { operations: this.#operations, bytes: this.#bytes };
  }

  /** Whether any one operation would find room. */
  get hasRoom(): boolean {
    const { operations, bytes } = this.#bounds;
    if (this.#operations === 0) return true;
    return this.#operations < operations && this.#bytes + largestBytes <= bytes;
  }

  /**
   * Takes room. What is larger than all of it finds room when nothing else is there.
   * @throws DougError BUSY
   */
  enter(operations: number, bytes: number): void {
    const isTooMuch =
      this.#operations + operations > this.#bounds.operations ||
      this.#bytes + bytes > this.#bounds.bytes;
    if (isTooMuch && this.#operations > 0) {
      throw new DougError(
        'BUSY',
        `this client has ${this.#operations} operations of ${this.#bytes} bytes that are not settled and takes no more: wait for them or for ready()`,
      );
    }
    this.#operations += operations;
    this.#bytes += bytes;
  }

  /** Frees the room of one operation. */
  leave(bytes: number): void {
    this.#operations--;
    this.#bytes -= bytes;
    if (this.#waiting.size === 0 || !this.#isHalfFree) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell();
  }

  /** Calls `tell` once, when half of the room is free. @returns what takes that back */
  onRoom(tell: () => void): () => void {
    this.#waiting.add(tell);
    return () => this.#waiting.delete(tell);
  }

  get #isHalfFree(): boolean {
    const { operations, bytes } = this.#bounds;
    return this.hasRoom && this.#operations <= operations / 2 && this.#bytes <= bytes / 2;
  }
}
