import { SimRandom } from '@dougdb/ports/sim';
import { bytes } from './entries.js';

export interface Write {
  readonly key: string;
  /** null: deletes. */
  readonly value: string | null;
}

const KEYS = 60;

/** The command with this number: the same in every process that knows the seed. */
export function commandOf(seed: string, index: number): readonly Write[] {
  const random = new SimRandom(`${seed}/${index}`);
  const keys = new Set(Array.from({ length: 1 + random.int(3) }, () => random.int(KEYS)));
  return [...keys].map((key) => ({
    key: `key${key}`,
    value: random.chance(0.2) ? null : `${index}/${key}`.padEnd(random.int(90), '.'),
  }));
}

export function encodeCommand(command: readonly Write[]): Uint8Array {
  return bytes(JSON.stringify(command));
}

/** What a database must show after the commands so far. */
export class ExpectedState {
  readonly #seed: string;
  readonly #lines: Map<string, string>;
  #index: number;

  constructor(seed: string, before: ExpectedState | null = null) {
    this.#seed = seed;
    this.#index = before === null ? 0 : before.#index;
    this.#lines = new Map(before === null ? [] : before.#lines);
  }

  /** Does the commands up to this one; never goes back. */
  advanceTo(index: number): this {
    for (let at = this.#index + 1; at <= index; at++) {
      for (const { key, value } of commandOf(this.#seed, at)) {
        if (value === null) this.#lines.delete(key);
        else this.#lines.set(key, `${key}=${value}#${at}`);
      }
      this.#index = at;
    }
    return this;
  }

  /** One that can go on by itself. */
  copy(): ExpectedState {
    return new ExpectedState(this.#seed, this);
  }

  /** As an iterator shows it. */
  lines(): string[] {
    return [...this.#lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  }
}

/** All lines after the commands up to this one. */
export function linesAfter(seed: string, index: number): string[] {
  return new ExpectedState(seed).advanceTo(index).lines();
}
