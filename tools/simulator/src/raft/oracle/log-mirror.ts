import type { Entry, LogIndex, Term } from '@dougdb/raft-core';
import { type LogView, Violation } from '@dougdb/raft-core/testing';
import type { CommittedLog } from './committed-log.js';

let versions = 0;

/**
 * A log from index 1 on, whatever its owner has compacted: up to `base` it is what was committed, above
 * it has entries of its own.
 */
export class LogMirror implements LogView {
  readonly #committed: CommittedLog;
  #base: LogIndex;
  #entries: Entry[] = [];
  #version: number;

  constructor(committed: CommittedLog, base: LogIndex) {
    this.#committed = committed;
    this.#base = base;
    this.#version = versions++;
  }

  /** Another number whenever something has changed, in any mirror of this process. */
  get version(): number {
    return this.#version;
  }

  get base(): LogIndex {
    return this.#base;
  }

  get last(): LogIndex {
    return this.#base + this.#entries.length;
  }

  termAt(index: LogIndex): Term {
    if (index <= this.#base) return this.#committed.termAt(index);
    return this.#entries[index - this.#base - 1]?.term ?? -1;
  }

  at(index: LogIndex): Entry | undefined {
    if (index <= this.#base) return this.#committed.at(index);
    return this.#entries[index - this.#base - 1];
  }

  /** The entries take the place of everything at and above the first one. */
  replace(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.truncateFrom(first.index);
    if (first.index !== this.last + 1) {
      throw new Violation('log-without-gap', `${first.index} after ${this.last}`);
    }
    for (const entry of entries) this.#entries.push(entry);
    this.#version = versions++;
  }

  truncateFrom(index: LogIndex): void {
    if (index > this.last) return;
    if (index <= this.#base) {
      throw new Violation('committed-kept', `truncated from ${index}, compacted to ${this.#base}`);
    }
    this.#entries.length = index - this.#base - 1;
    this.#version = versions++;
  }

  /** A snapshot takes the log's place, unless the log holds what it stands for. */
  install(index: LogIndex, term: Term): void {
    if (this.termAt(index) === term) return;
    this.#base = index;
    this.#entries = [];
    this.#version = versions++;
  }

  /** Forgets what is known to be committed, to save memory. */
  compact(index: LogIndex): void {
    if (index <= this.#base || index > this.last) return;
    this.#entries = this.#entries.slice(index - this.#base);
    this.#base = index;
  }

  copy(): LogMirror {
    const copy = new LogMirror(this.#committed, this.#base);
    copy.#entries = [...this.#entries];
    return copy;
  }
}
