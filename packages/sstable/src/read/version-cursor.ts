import { type KeyBounds, SstError, SstErrorCode, type VersionIterator } from '../contract.js';
import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { Kind, MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import { AFTER_ALL_VERSIONS, type Cursor, isAtOrBehind } from './cursor.js';
import { checkOpen, type ViewLifetime } from './view-lifetime.js';

/** Versions of one key that are stepped over before a seek is tried instead. */
const STEPS_BEFORE_SEEK = 8;

/** Which versions a {@link VersionCursor} shows. */
export interface VersionWindow extends KeyBounds {
  /** Versions above this sequence ... */
  readonly after: number;
  /** ... up to this one. */
  readonly through: number;
  /** 'newest': of each key the newest of these alone. */
  readonly shows: 'all' | 'newest';
}

/** Shows the versions of a window, one by one, in internal order. */
export class VersionCursor implements VersionIterator {
  readonly #cursor: Cursor;
  readonly #window: VersionWindow;
  readonly #lifetime: ViewLifetime;
  #state: 'before' | 'at' | 'passing' | 'done' | 'closed' = 'before';
  /** The key that was shown last, where its other versions are to be skipped. */
  #shown: Uint8Array = new Uint8Array(0);
  #shownLength = -1;

  constructor(cursor: Cursor, window: VersionWindow, lifetime: ViewLifetime) {
    this.#cursor = cursor;
    this.#window = window;
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
    else if (from === 'at') this.#cursor.next();
    const found = this.#settle(most);
    if (found !== 'end') this.#state = found;
    return found;
  }

  key(): Uint8Array {
    const { keyBytes, keyStart, keyEnd } = this.#here();
    return keyBytes.subarray(keyStart, keyEnd);
  }

  value(): Uint8Array {
    const { valueBytes, valueStart, valueEnd } = this.#here();
    return valueBytes.subarray(valueStart, valueEnd);
  }

  sequence(): number {
    return this.#here().sequence;
  }

  kind(): 'set' | 'delete' {
    return this.#here().kind === Kind.Delete ? 'delete' : 'set';
  }

  marked(): boolean {
    return this.#here().kind === Kind.SetMarked;
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cursor.close();
    this.#lifetime.release();
  }

  #goToStart(): void {
    const { start } = this.#window;
    if (start === null) this.#cursor.first();
    else this.#cursor.seek(start, 0, start.length, MAX_SEQUENCE);
  }

  #settle(most: number): 'at' | 'passing' | 'end' {
    const cursor = this.#cursor;
    const { end, after, through, shows } = this.#window;
    let steps = 0;
    for (let passed = 0; cursor.valid; passed++) {
      if (end !== null && isAtOrBehind(cursor, end)) return 'end';
      if (passed >= most) return 'passing';
      if (cursor.sequence > after && cursor.sequence <= through) {
        if (shows === 'all') return 'at';
        if (!this.#wasShown(cursor)) {
          this.#remember(cursor);
          return 'at';
        }
        if (++steps >= STEPS_BEFORE_SEEK) {
          cursor.seek(this.#shown, 0, this.#shownLength, AFTER_ALL_VERSIONS);
          continue;
        }
      }
      cursor.next();
    }
    return 'end';
  }

  /** Of one key the newest version comes first. */
  #wasShown({ keyBytes, keyStart, keyEnd }: Cursor): boolean {
    const length = this.#shownLength;
    return (
      keyEnd - keyStart === length &&
      compareRanges(keyBytes, keyStart, keyEnd, this.#shown, 0, length) === 0
    );
  }

  #remember({ keyBytes, keyStart, keyEnd }: Cursor): void {
    this.#shownLength = keyEnd - keyStart;
    this.#shown = grown(this.#shown, 0, this.#shownLength);
    copyBytes(this.#shown, 0, keyBytes, keyStart, keyEnd);
  }

  #here(): Cursor {
    this.#checkOpen();
    if (this.#state === 'at') return this.#cursor;
    throw new SstError(SstErrorCode.Usage, 'the iterator stands at no version: next() first');
  }

  #checkOpen(): void {
    checkOpen(this.#state, this.#lifetime);
  }
}
