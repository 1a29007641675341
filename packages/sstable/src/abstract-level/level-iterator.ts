import { AbstractIterator, type AbstractIteratorOptions } from 'abstract-level';
import type { DbIterator, KeyBounds } from '../contract.js';
import { boundsOf, isInBounds } from '../read/bounds.js';
import { type Data, type DataFormat, fromView, toBytes } from './data-format.js';
import { abortError, toLevelError } from './level-error.js';
import { type EncodedRange, toRange } from './range.js';
import type { SstLevel } from './sst-level.js';
import type { TurnMeter } from './turn-meter.js';

/** Options of an iterator as abstract-level hands them over. */
export interface EncodedIteratorOptions extends EncodedRange {
  readonly keys: boolean;
  readonly values: boolean;
  readonly reverse: boolean;
  readonly keyEncoding: DataFormat;
  readonly valueEncoding: DataFormat;
  readonly signal?: AbortSignal | null | undefined;
}

type Entry = [Data | undefined, Data | undefined];

/** An iterator of abstract-level over one of ours. It shows the moment at which it was made. */
export class LevelIterator<K, V> extends AbstractIterator<SstLevel<K, V>, K, V> {
  readonly #inner: DbIterator;
  readonly #options: EncodedIteratorOptions;
  readonly #bounds: KeyBounds;
  readonly #meter: TurnMeter;
  /** After a seek: the iterator stands at an entry that was not handed out yet, or beyond all of them. */
  #sought: 'entry' | 'nothing' | null = null;

  constructor(
    db: SstLevel<K, V>,
    options: EncodedIteratorOptions,
    inner: DbIterator,
    meter: TurnMeter,
  ) {
    super(db, options as unknown as AbstractIteratorOptions<K, V>);
    this.#inner = inner;
    this.#options = options;
    this.#bounds = boundsOf(toRange(options));
    this.#meter = meter;
  }

  async _next(): Promise<Entry | undefined> {
    if (this.#meter.charge(1)) await this.#meter.nextTurn();
    await this.#checkSignal();
    try {
      return this.#move() ? this.#entry() : undefined;
    } catch (error) {
      throw toLevelError(error);
    }
  }

  async _nextv(size: number): Promise<Entry[]> {
    await this.#checkSignal();
    const entries: Entry[] = [];
    try {
      while (entries.length < size && this.#move()) {
        entries.push(this.#entry());
        if (!this.#meter.charge(1)) continue;
        await this.#meter.nextTurn();
        await this.#checkSignal();
      }
      return entries;
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** A target outside of the range is the end, whichever side it is on. */
  _seek(target: Data): void {
    const key = toBytes(target);
    try {
      const isFound = isInBounds(this.#bounds, key) && this.#inner.seek(key);
      this.#sought = isFound ? 'entry' : 'nothing';
    } catch (error) {
      throw toLevelError(error);
    }
  }

  async _close(): Promise<void> {
    this.#inner.close();
  }

  #move(): boolean {
    const sought = this.#sought;
    if (sought === 'nothing') return false;
    this.#sought = null;
    return sought === 'entry' || this.#inner.next();
  }

  #entry(): Entry {
    const { keys, values, keyEncoding, valueEncoding } = this.#options;
    return [
      keys ? fromView(this.#inner.key(), keyEncoding) : undefined,
      values ? fromView(this.#inner.value(), valueEncoding) : undefined,
    ];
  }

  /** Whoever has a signal may use it after the call has returned, although the answer is there at once. */
  async #checkSignal(): Promise<void> {
    const { signal } = this.#options;
    if (signal === undefined || signal === null) return;
    await Promise.resolve();
    if (signal.aborted) throw abortError();
  }
}
