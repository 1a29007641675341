import type { Output } from '../io.js';

const flushBytes = 64 * 1024;

/** Gathers many small writes into few large ones. */
export class LineBuffer {
  readonly #output: Output;
  #parts: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Undefined: there is nothing to wait for. */
  write(data: string | Uint8Array): Promise<void> | undefined {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
    this.#parts.push(bytes);
    this.#sizeBytes += bytes.length;
    return this.#sizeBytes >= flushBytes ? this.flush() : undefined;
  }

  /** Writes what is gathered. Call it at the end. */
  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const all = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#sizeBytes = 0;
    await this.#output.write(all);
  }
}
