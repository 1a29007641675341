/** Counted for an entry beside its data, so that a million empty entries are not called nothing. */
const ENTRY_OVERHEAD_BYTES = 32;

interface Account {
  liveEntries: number;
  liveBytes: number;
  /** Newest commit hints and prefixes of logs that stand in this segment only. */
  liveFacts: number;
  /** Of its frames, where a former process wrote them; else 0. */
  recoveredBytes: number;
  /** Frames were lost in it, and the host has not said that it knows. */
  isEvidence: boolean;
}

/**
 * What of each segment is still needed: entries that a reader may ask for, and for each log the newest
 * commit hint and prefix. Segments are numbered without gaps.
 */
export class SegmentLedger {
  #first: number;
  #accounts: Account[] = [];

  /** Knows no segment yet; the first one opened will be `first`. */
  constructor(first: number) {
    this.#first = first;
  }

  /** The oldest segment that exists. */
  get first(): number {
    return this.#first;
  }

  get count(): number {
    return this.#accounts.length;
  }

  /** Begins the account of the next segment. */
  open(segment: number): void {
    if (segment !== this.#first + this.#accounts.length) {
      throw new RangeError(`segment ${segment} is not the next one`);
    }
    this.#accounts.push({
      liveEntries: 0,
      liveBytes: 0,
      liveFacts: 0,
      recoveredBytes: 0,
      isEvidence: false,
    });
  }

  /** The segment was read back: its frames end here. */
  recovered(segment: number, sizeBytes: number): void {
    this.#account(segment).recoveredBytes = sizeBytes;
  }

  /** Bytes that former processes wrote to newer segments. */
  bytesBehind(segment: number): number {
    const newer = this.#accounts.slice(segment - this.#first + 1);
    return newer.reduce((sum, { recoveredBytes }) => sum + recoveredBytes, 0);
  }

  /** Frames were lost in this segment: it stays until {@link forgetLosses}, or the next start would not know. */
  keepEvidence(segment: number): void {
    this.#account(segment).isEvidence = true;
  }

  forgetLosses(): void {
    for (const account of this.#accounts) account.isEvidence = false;
  }

  addEntry(segment: number, length: number): void {
    const account = this.#account(segment);
    account.liveEntries++;
    account.liveBytes += length + ENTRY_OVERHEAD_BYTES;
  }

  removeEntry(segment: number, length: number): void {
    const account = this.#account(segment);
    account.liveEntries--;
    account.liveBytes -= length + ENTRY_OVERHEAD_BYTES;
  }

  /** A log's fact stands in `to` from now on; 0: in no segment. */
  moveFact(from: number, to: number): void {
    if (from === to) return;
    if (from !== 0) this.#account(from).liveFacts--;
    if (to !== 0) this.#account(to).liveFacts++;
  }

  liveEntries(segment: number): number {
    return this.#account(segment).liveEntries;
  }

  liveBytes(segment: number): number {
    return this.#account(segment).liveBytes;
  }

  liveFacts(segment: number): number {
    return this.#account(segment).liveFacts;
  }

  isDead(segment: number): boolean {
    const account = this.#account(segment);
    return account.liveEntries === 0 && account.liveFacts === 0 && !account.isEvidence;
  }

  /** The oldest segment that is not dead; the newest one if all are. */
  oldestNeeded(): number {
    const newest = this.#first + this.#accounts.length - 1;
    for (let segment = this.#first; segment < newest; segment++) {
      if (!this.isDead(segment)) return segment;
    }
    return newest;
  }

  /** The oldest segment's file is going. */
  removeFirst(): void {
    // INVARIANT(segments-die-in-order): only the oldest one can go, and only with nothing live in it.
    if (this.#accounts.length < 2 || !this.isDead(this.#first)) {
      throw new RangeError(`segment ${this.#first} is still needed`);
    }
    this.#accounts.shift();
    this.#first++;
  }

  #account(segment: number): Account {
    const account = this.#accounts[segment - this.#first];
    if (account === undefined) throw new RangeError(`segment ${segment} does not exist`);
    return account;
  }
}
