import { type DbIterator, SstError, SstErrorCode } from '../contract.js';
import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { Kind, MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import { AFTER_ALL_VERSIONS, type Cursor, isAtOrBehind, NOTHING } from './cursor.js';
import { checkOpen, type ViewLifetime } from './view-lifetime.js';

/** Versions of one key that are stepped over before a seek is tried instead. */
const STEPS_BEFORE_SEEK = 8;

/** What an iterator shows of the versions under it. */
export interface ViewIteratorOptions {
  readonly start: Uint8Array | null;
  readonly end: Uint8Array | null;
  readonly isReverse: boolean;
  /** Newer versions are not seen. */
  readonly sequence: number;
  readonly keysOnly: boolean;
}

/**
 * Turns a merged run of versions into keys with the one value that is visible at a sequence: newer
 * versions, older versions and tombstones are passed over.
 *
 * Forward, the newest visible version comes first and the rest of the key is skipped. In reverse the
 * oldest comes first: the last visible one before the key changes is kept in buffers, and the cursor
 * already stands at the key before.
 */
export class ViewIterator implements DbIterator {
  readonly #cursor: Cursor;
  readonly #options: ViewIteratorOptions;
  readonly #lifetime: ViewLifetime;
  #state: 'before' | 'at' | 'passing' | 'done' | 'closed' = 'before';
  /** Reverse: the cursor stands among the versions of `#key`, and so much is known of them. */
  #isInKey = false;
  #isFound = false;
  /** Forward: the key whose other versions are to be skipped. Reverse: the key found. */
  #key: Uint8Array = new Uint8Array(64);
  #keyLength = -1;
  /** The value found in reverse. */
  #value: Uint8Array = NOTHING;
  #valueLength = 0;
  #sequence = 0;
  #isMarked = false;

  constructor(cursor: Cursor, options: ViewIteratorOptions, lifetime: ViewLifetime) {
    this.#cursor = cursor;
    this.#options = options;
    this.#lifetime = lifetime;
  }

  next(): boolean {
    return this.step(Number.POSITIVE_INFINITY) === 'at';
  }

  step(most: number): 'at' | 'passing' | 'end' {
    this.#checkOpen();
    const from = this.#state;
    if (from === 'done') return 'end';
    // If a move throws, the iterator stands nowhere.
    this.#state = 'done';
    if (from === 'before') this.#goToStart();
    else if (from === 'at' && !this.#options.isReverse) {
      this.#remember(this.#cursor);
      this.#cursor.next();
    }
    return this.#settle(most);
  }

  seek(target: Uint8Array): boolean {
    this.#checkOpen();
    const { start, end, isReverse } = this.#options;
    this.#state = 'done';
    this.#keyLength = -1;
    this.#isInKey = false;
    if (isReverse) {
      if (end !== null && compareWhole(target, end) >= 0) {
        this.#cursor.seekBefore(end, 0, end.length, MAX_SEQUENCE);
      } else this.#cursor.seekBefore(target, 0, target.length, AFTER_ALL_VERSIONS);
    } else {
      const from = start !== null && compareWhole(target, start) < 0 ? start : target;
      this.#cursor.seek(from, 0, from.length, MAX_SEQUENCE);
    }
    return this.#settle(Number.POSITIVE_INFINITY) === 'at';
  }

  key(): Uint8Array {
    this.#checkAt();
    if (this.#options.isReverse) return this.#key.subarray(0, this.#keyLength);
    return this.#cursor.keyBytes.subarray(this.#cursor.keyStart, this.#cursor.keyEnd);
  }

  value(): Uint8Array {
    this.#checkAt();
    if (this.#options.keysOnly) return NOTHING;
    if (this.#options.isReverse) return this.#value.subarray(0, this.#valueLength);
    return this.#cursor.valueBytes.subarray(this.#cursor.valueStart, this.#cursor.valueEnd);
  }

  sequence(): number {
    this.#checkAt();
    return this.#options.isReverse ? this.#sequence : this.#cursor.sequence;
  }

  marked(): boolean {
    this.#checkAt();
    return this.#options.isReverse ? this.#isMarked : this.#cursor.kind === Kind.SetMarked;
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cursor.close();
    this.#lifetime.release();
  }

  #goToStart(): void {
    const { start, end, isReverse } = this.#options;
    const cursor = this.#cursor;
    if (isReverse) {
      if (end === null) cursor.last();
      else cursor.seekBefore(end, 0, end.length, MAX_SEQUENCE);
    } else if (start === null) cursor.first();
    else cursor.seek(start, 0, start.length, MAX_SEQUENCE);
  }

  #settle(most: number): 'at' | 'passing' | 'end' {
    const found = this.#options.isReverse ? this.#findBackward(most) : this.#findForward(most);
    if (found !== 'end') this.#state = found;
    return found;
  }

  #findForward(most: number): 'at' | 'passing' | 'end' {
    const cursor = this.#cursor;
    const { end, sequence } = this.#options;
    let steps = 0;
    for (let passed = 0; cursor.valid; passed++) {
      if (end !== null && isAtOrBehind(cursor, end)) return 'end';
      const isSkipped = this.#isRemembered(cursor);
      if (!isSkipped && cursor.sequence <= sequence && cursor.kind !== Kind.Delete) return 'at';
      if (passed >= most) return 'passing';
      if (!isSkipped && cursor.sequence <= sequence) {
        this.#remember(cursor);
        steps = 0;
      } else if (++steps >= STEPS_BEFORE_SEEK) {
        steps = 0;
        // A seek target must not be the cursor's own buffer, which changes under the seek.
        if (!isSkipped) this.#remember(cursor);
        cursor.seek(this.#key, 0, this.#keyLength, isSkipped ? AFTER_ALL_VERSIONS : sequence);
        if (!isSkipped) this.#keyLength = -1;
        continue;
      }
      cursor.next();
    }
    return 'end';
  }

  #findBackward(most: number): 'at' | 'passing' | 'end' {
    const cursor = this.#cursor;
    const { start, sequence } = this.#options;
    let passed = 0;
    while (cursor.valid || this.#isInKey) {
      if (!this.#isInKey) {
        if (start !== null && !isAtOrBehind(cursor, start)) return 'end';
        this.#remember(cursor);
        this.#isInKey = true;
        this.#isFound = false;
      }
      while (cursor.valid && this.#isRemembered(cursor)) {
        if (passed++ >= most) return 'passing';
        if (cursor.sequence <= sequence) {
          this.#isFound = cursor.kind !== Kind.Delete;
          if (this.#isFound) this.#keepValue(cursor);
        }
        cursor.prev();
      }
      this.#isInKey = false;
      if (this.#isFound) return 'at';
    }
    return 'end';
  }

  #remember(cursor: Cursor): void {
    const length = cursor.keyEnd - cursor.keyStart;
    this.#key = grown(this.#key, 0, length);
    copyBytes(this.#key, 0, cursor.keyBytes, cursor.keyStart, cursor.keyEnd);
    this.#keyLength = length;
  }

  #isRemembered(cursor: Cursor): boolean {
    const length = this.#keyLength;
    return (
      length === cursor.keyEnd - cursor.keyStart &&
      compareRanges(cursor.keyBytes, cursor.keyStart, cursor.keyEnd, this.#key, 0, length) === 0
    );
  }

  #keepValue(cursor: Cursor): void {
    this.#sequence = cursor.sequence;
    this.#isMarked = cursor.kind === Kind.SetMarked;
    if (this.#options.keysOnly) return;
    const length = cursor.valueEnd - cursor.valueStart;
    this.#value = grown(this.#value, 0, length);
    copyBytes(this.#value, 0, cursor.valueBytes, cursor.valueStart, cursor.valueEnd);
    this.#valueLength = length;
  }

  #checkOpen(): void {
    checkOpen(this.#state, this.#lifetime);
  }

  #checkAt(): void {
    this.#checkOpen();
    if (this.#state === 'at') return;
    throw new SstError(
      SstErrorCode.Usage,
      'the iterator stands at no entry: next() or seek() first',
    );
  }
}

function compareWhole(a: Uint8Array, b: Uint8Array): number {
  return compareRanges(a, 0, a.length, b, 0, b.length);
}
