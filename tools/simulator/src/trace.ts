import { crc32 } from '@dougdb/ports';

/** What happened, in order: a running hash of every line and the last lines in words. */
export class Trace {
  readonly #nowUs: () => number;
  readonly #last: string[] = [];
  readonly #keep: number;
  #hash = 0;
  #count = 0;

  constructor(nowUs: () => number, keep = 200) {
    this.#nowUs = nowUs;
    this.#keep = keep;
  }

  readonly line = (text: string): void => {
    const full = `${this.#nowUs()} ${text}`;
    this.#hash = crc32(encoder.encode(full), this.#hash);
    this.#count++;
    this.#last.push(full);
    if (this.#last.length > this.#keep) this.#last.shift();
  };

  /** Equal for equal runs. */
  get digest(): string {
    return `${this.#count}:${this.#hash.toString(16).padStart(8, '0')}`;
  }

  get lastLines(): readonly string[] {
    return this.#last;
  }
}

const encoder = new TextEncoder();
