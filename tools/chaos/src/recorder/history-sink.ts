/** Where a recorder's lines go. */
export interface HistorySink {
  /** @param line - with its end */
  write(line: string): void;
  /** Nothing is written after it. */
  close(): void;
}

/** Keeps the history in memory. */
export class TextSink implements HistorySink {
  readonly #lines: string[] = [];

  /** What was written, ready for `parseHistory`. */
  get text(): string {
    return this.#lines.join('');
  }

  write(line: string): void {
    this.#lines.push(line);
  }

  close(): void {
    // Nothing is held back.
  }
}
