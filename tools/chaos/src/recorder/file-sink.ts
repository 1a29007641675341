import { closeSync, openSync, writeSync } from 'node:fs';
import type { HistorySink } from './history-sink.js';

/** Characters that are gathered before they are written. */
const blockCharacters = 64 * 1024;

/**
 * Writes a history to a file, in blocks. What is not written when the process dies is lost, the lines of
 * operations that are still open among them: a history whose recorder was not closed proves nothing.
 */
export class FileSink implements HistorySink {
  readonly #file: number;
  #block = '';
  #isClosed = false;

  /** @param path - a new file, or one that is replaced @throws as node:fs does */
  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  write(line: string): void {
    this.#block += line;
    if (this.#block.length >= blockCharacters) this.#flush();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#flush();
    } finally {
      closeSync(this.#file);
    }
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#block);
    this.#block = '';
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#file, bytes, written);
    }
  }
}
