import { SlabPool } from './memtable/slab-pool.js';

/** Memory that flushed memtables leave for new ones: a part of what all may have, and no more than this. */
const FREE_SHARE = 1 / 2;
const MAX_FREE_BYTES = 64 * 1024 * 1024;

/** What memtables that take writes may have; the rest is for those that wait for their flush. */
const MUTABLE_SHARE = 3 / 8;

/**
 * Memory for the memtables of all databases of a process. Three eighths are for memtables that take
 * writes: when they need more, the largest is asked to be frozen (`Db.wantsFreeze`), then the next one,
 * until the rest fits. Five eighths are for frozen ones that wait for their flush: when they need more,
 * growth should be refused (`Db.stalled`).
 *
 * Only what is frozen holds anybody up, because a flush depends on nobody: a host that stops in the
 * middle of a log entry for want of room could never come to the boundary at which it may freeze.
 */
export class MemtableBudget {
  readonly #mutableMaxBytes: number;
  readonly #frozenMaxBytes: number;
  /** @internal Memory of memtables, used again. Without a bound it is not: nobody would say how much to keep. */
  readonly slabs: SlabPool;
  readonly #shares = new Set<MemtableShare>();
  #mutableBytes = 0;
  #frozenBytes = 0;

  /** @param maxBytes - is passed by what one entry of the host's log adds until its end, and by nothing else */
  constructor(maxBytes: number) {
    this.slabs = new SlabPool(
      Number.isFinite(maxBytes) ? Math.min(MAX_FREE_BYTES, maxBytes * FREE_SHARE) : 0,
    );
    this.#mutableMaxBytes = maxBytes * MUTABLE_SHARE;
    this.#frozenMaxBytes = maxBytes * (1 - MUTABLE_SHARE);
  }

  /** Reserved by memtables that take writes. */
  get mutableBytes(): number {
    return this.#mutableBytes;
  }

  /** Reserved by memtables that wait for their flush. */
  get frozenBytes(): number {
    return this.#frozenBytes;
  }

  /** True while flushes are so far behind that growth should be refused. */
  get isFull(): boolean {
    return this.#frozenBytes > this.#frozenMaxBytes;
  }

  /** What frozen memtables have of what they may have: above 1 it is full. 0 without a bound. */
  get frozenShare(): number {
    return this.#frozenBytes === 0 ? 0 : this.#frozenBytes / this.#frozenMaxBytes;
  }

  /** The part of one more database. */
  join(): MemtableShare {
    const share = new MemtableShare((mutable, frozen) => {
      this.#mutableBytes += mutable;
      this.#frozenBytes += frozen;
      if (mutable > 0) this.#ask();
      if (share.hasLeft) this.#shares.delete(share);
    });
    this.#shares.add(share);
    return share;
  }

  #ask(): void {
    if (this.#mutableBytes <= this.#mutableMaxBytes) return;
    let unasked = 0;
    for (const share of this.#shares) if (!share.isAsked) unasked += share.mutableBytes;
    while (unasked > this.#mutableMaxBytes) {
      const largest = this.#largestUnasked();
      if (largest === null) return;
      largest.isAsked = true;
      unasked -= largest.mutableBytes;
    }
  }

  #largestUnasked(): MemtableShare | null {
    let largest: MemtableShare | null = null;
    for (const share of this.#shares) {
      if (!share.isAsked && share.mutableBytes > (largest?.mutableBytes ?? 0)) largest = share;
    }
    return largest;
  }
}

/** What one database has of a {@link MemtableBudget}. */
export class MemtableShare {
  /** The database should be frozen, however small it is: others need the room. */
  isAsked = false;
  hasLeft = false;
  #mutableBytes = 0;
  #frozenBytes = 0;
  readonly #onChange: (mutableBytes: number, frozenBytes: number) => void;

  constructor(onChange: (mutableBytes: number, frozenBytes: number) => void) {
    this.#onChange = onChange;
  }

  get mutableBytes(): number {
    return this.#mutableBytes;
  }

  /** The memtable that takes writes has reserved more. */
  grew(byBytes: number): void {
    if (byBytes <= 0 || this.hasLeft) return;
    this.#mutableBytes += byBytes;
    this.#onChange(byBytes, 0);
  }

  /** It was frozen; a new one, which holds nothing, took its place. */
  froze(): void {
    this.isAsked = false;
    const bytes = this.#mutableBytes;
    this.#mutableBytes = 0;
    this.#frozenBytes += bytes;
    this.#onChange(-bytes, bytes);
  }

  /** A frozen one of this size is in a table now. */
  flushed(bytes: number): void {
    if (this.hasLeft) return;
    this.#frozenBytes -= bytes;
    this.#onChange(0, -bytes);
  }

  /**
   * The database is closed, or will never flush again. What it still holds is not counted any more: it
   * would ask others for room for ever.
   */
  leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.isAsked = false;
    this.#onChange(-this.#mutableBytes, -this.#frozenBytes);
    this.#mutableBytes = 0;
    this.#frozenBytes = 0;
  }
}
