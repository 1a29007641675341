import type { Pair } from './answer.js';
import type { KeyVersions } from './key-versions.js';

interface Written {
  readonly value: string | null;
  readonly expiresAt: number;
}

/** What a command does to one key. */
export interface Effect extends Written {
  readonly key: string;
}

/** More keys than a command may touch. */
export class TooManyKeys extends Error {
  override readonly name = 'TooManyKeys';
}

/** A partition at a place of its log under the writes of one command. */
export class Overlay {
  readonly #versions: KeyVersions;
  readonly #revision: number;
  readonly #written = new Map<string, Written>();

  constructor(versions: KeyVersions, revision: number) {
    this.#versions = versions;
    this.#revision = revision;
  }

  get(key: string): Pair | null {
    const written = this.#written.get(key);
    if (written !== undefined) {
      const { value } = written;
      return value === null ? null : { key, value, revision: this.#revision + 1 };
    }
    const version = this.#versions.at(key, this.#revision);
    if (version === null) return null;
    return { key, value: version.value as string, revision: version.revision };
  }

  range(start: string, end: string): Pair[] {
    const keys = new Set(this.#versions.range(start, end, this.#revision).map(([key]) => key));
    for (const key of this.#written.keys()) {
      if (key >= start && (end === '' || key < end)) keys.add(key);
    }
    return [...keys].sort().flatMap((key) => this.get(key) ?? []);
  }

  put(key: string, value: string, expiresAt: number): void {
    this.#written.set(key, { value, expiresAt });
  }

  remove(key: string): void {
    this.#written.set(key, { value: null, expiresAt: 0 });
  }

  /** Each key once. */
  effects(): Effect[] {
    return [...this.#written].map(([key, written]) => ({ key, ...written }));
  }
}
