import { type KeyBounds, SstError, SstErrorCode, type VersionIterator } from '../contract.js';
import { Kind, MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { Cursor } from './cursor.js';
import type { ViewLifetime } from './view-iterator.js';

/** Which versions a {@link VersionCursor} shows. */
export interface VersionWindow extends KeyBounds {
  /** Versions above this sequence ... */
  readonly after: number;
  /** ... up to this one. */
  readonly through: number;
}

/** Shows the versions of a window, one by one, in internal order. */
export class VersionCursor implements VersionIterator {
  readonly #cursor: Cursor;
  readonly #window: VersionWindow;
  readonly #lifetime: ViewLifetime;
  #state: 'before' | 'at' | 'done' | 'closed' = 'before';

  constructor(cursor: Cursor, window: VersionWindow, lifetime: ViewLifetime) {
    this.#cursor = cursor;
    this.#window = window;
    this.#lifetime = lifetime;
  }

  next(): boolean {
    this.#checkOpen();
    if (this.#state === 'done') return false;
    const isFirst = this.#state === 'before';
    // If a move throws, the iterator stands nowhere.
    this.#state = 'done';
    if (isFirst) this.#goToStart();
    else this.#cursor.next();
    if (!this.#settle()) return false;
    this.#state = 'at';
    return true;
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

  #settle(): boolean {
    const cursor = this.#cursor;
    const { end, after, through } = this.#window;
    for (; cursor.valid; cursor.next()) {
      if (end !== null && isAtOrBehind(cursor, end)) return false;
      if (cursor.sequence > after && cursor.sequence <= through) return true;
    }
    return false;
  }

  #here(): Cursor {
    this.#checkOpen();
    if (this.#state === 'at') return this.#cursor;
    throw new SstError(SstErrorCode.Usage, 'the iterator stands at no version: next() first');
  }

  #checkOpen(): void {
    if (this.#state === 'closed' || this.#lifetime.isClosed) {
      throw new SstError(SstErrorCode.Closed, 'the iterator or its database is closed');
    }
  }
}

function isAtOrBehind(cursor: Cursor, key: Uint8Array): boolean {
  return compareRanges(cursor.keyBytes, cursor.keyStart, cursor.keyEnd, key, 0, key.length) >= 0;
}
