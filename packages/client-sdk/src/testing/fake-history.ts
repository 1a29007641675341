import { compareKeys } from '@dougdb/facade';

/** A key as it was. */
export interface FakeVersion {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
  /** Log time at which the key goes; left out: never. */
  readonly expiresAt?: number;
}

/** A change of one key. */
export interface FakeChange {
  readonly key: Uint8Array;
  readonly revision: number;
  /** Null: it was deleted. */
  readonly now: FakeVersion | null;
  /** Null: it was not there. */
  readonly before: FakeVersion | null;
}

/** What has changed in a partition, by revision and then by key; with what it has from before it was split off. */
export class FakeHistory {
  /** Below it nothing is told any more. */
  floor = 0;
  readonly #changes: FakeChange[] = [];
  readonly #listeners = new Set<() => void>();

  get changes(): readonly FakeChange[] {
    return this.#changes;
  }

  /** Takes a change; those of one revision in any order, one for each key. */
  add(change: FakeChange): void {
    let at = this.#changes.length;
    while (at > 0 && isBehind(this.#changes[at - 1] as FakeChange, change)) at--;
    this.#changes.splice(at, 0, change);
    this.tell();
  }

  /** The changes of the keys from `at` on, which are from now on another partition's. */
  split(at: Uint8Array): FakeHistory {
    const other = new FakeHistory();
    other.floor = this.floor;
    const all = this.#changes.splice(0);
    for (const change of all) {
      if (compareKeys(change.key, at) < 0) this.#changes.push(change);
      else other.#changes.push(change);
    }
    return other;
  }

  /** Tells those who listen that something has changed. */
  tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** @returns what ends it */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function isBehind(a: FakeChange, b: FakeChange): boolean {
  return (a.revision - b.revision || compareKeys(a.key, b.key)) > 0;
}
