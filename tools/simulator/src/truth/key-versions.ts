/** What a key was from a revision on. */
export interface Version {
  readonly revision: number;
  /** Null: it was removed. */
  readonly value: string | null;
  /** Log time at which it is to go; 0: it stays. */
  readonly expiresAt: number;
}

/** All versions of all keys of one partition, for ever. */
export class KeyVersions {
  readonly #keys = new Map<string, Version[]>();

  /** Versions of a key, by revision. */
  of(key: string): readonly Version[] {
    return this.#keys.get(key) ?? [];
  }

  add(key: string, version: Version): void {
    const versions = this.#keys.get(key);
    if (versions === undefined) this.#keys.set(key, [version]);
    else versions.push(version);
  }

  /** What is there at a revision; null: nothing. */
  at(key: string, revision: number): Version | null {
    const versions = this.of(key);
    for (let i = versions.length - 1; i >= 0; i--) {
      const version = versions[i] as Version;
      if (version.revision <= revision) return version.value === null ? null : version;
    }
    return null;
  }

  /** Keys of [start, end) that are there, in order; an empty end: to the last. */
  range(start: string, end: string, revision: number): [string, Version][] {
    const found: [string, Version][] = [];
    for (const key of [...this.#keys.keys()].sort()) {
      if (key < start || (end !== '' && key >= end)) continue;
      const version = this.at(key, revision);
      if (version !== null) found.push([key, version]);
    }
    return found;
  }

  /** All keys that ever were. */
  get keys(): string[] {
    return [...this.#keys.keys()].sort();
  }
}
