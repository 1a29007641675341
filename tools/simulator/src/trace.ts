import { crc32 } from '@dougdb/ports';

export interface TraceOptions {
  /** Lines that are kept for whoever looks into a failure; all of them with Infinity. Default 200. */
  readonly keep?: number;
}

/**
 * What happened, in order: a running hash of all of it, messages and their bytes included, and the last lines
 * in words.
 */
export class Trace {
  readonly #nowUs: () => number;
  readonly #keep: number;
  #lines: string[] = [];
  #hash = 0;
  #count = 0;

  constructor(nowUs: () => number, { keep = 200 }: TraceOptions = {}) {
    this.#nowUs = nowUs;
    this.#keep = keep;
  }

  readonly line = (text: string): void => {
    const full = `${this.#nowUs()} ${text}`;
    this.#hash = crc32(encoder.encode(full), this.#hash);
    this.#count++;
    this.#lines.push(full);
    // Cut now and then only.
    if (this.#lines.length > 2 * this.#keep) this.#lines = this.#lines.slice(-this.#keep);
  };

  /** A message arrives. */
  readonly message = (from: string, to: string, bytes: Uint8Array): void => {
    if (this.#keep === Number.POSITIVE_INFINITY) {
      this.line(`${from}>${to} ${bytes.length} bytes ${crc32(bytes).toString(16)}`);
      return;
    }
    this.#count++;
    this.#hash = crc32(bytes, (this.#hash ^ this.#nowUs()) >>> 0);
  };

  /** Equal for equal runs that keep lines alike. */
  get digest(): string {
    return `${this.#count}:${this.#hash.toString(16).padStart(8, '0')}`;
  }

  get lastLines(): readonly string[] {
    return this.#keep === Number.POSITIVE_INFINITY ? this.#lines : this.#lines.slice(-this.#keep);
  }
}

const encoder = new TextEncoder();
