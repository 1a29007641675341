import type { LogId, LogReader, WalEntry } from '../contract.js';
import type { EntryLoader } from '../read/entry-loader.js';
import type { LogState } from './log-state.js';

/** A log to its readers: everything that was queued, durable or not. */
export class LogView implements LogReader {
  readonly id: LogId;
  readonly #log: LogState;
  readonly #loader: EntryLoader;

  constructor(log: LogState, loader: EntryLoader) {
    this.id = log.id;
    this.#log = log;
    this.#loader = loader;
  }

  firstIndex(): number {
    return this.#log.firstIndex;
  }

  lastIndex(): number {
    return this.#log.lastIndex;
  }

  term(index: number): number {
    return this.#log.termOf(index);
  }

  entries(low: number, high: number, maxBytes: number): readonly WalEntry[] | -1 | 'faulty' {
    return this.#loader.read(this.#log, low, high, maxBytes);
  }

  commitHint(): number {
    return this.#log.hint;
  }

  bytesBehind(index: number): number {
    return this.#log.bytesBehind(index);
  }
}
