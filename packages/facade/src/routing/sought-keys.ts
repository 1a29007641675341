import type { RouteHint } from '@dougdb/rpc-proto';
import type { PartitionMap } from './partition-map.js';

/** Each is compared with every partition of an answer. */
const MOST_PLACES = 64;
/** Stands for all keys of which no partition is known; no partition has this id. */
const GAP = 0;

/**
 * Keys that nobody could be asked for. One for each place of the map is enough: what helps one key of a
 * partition helps them all. Places are kept apart, because one that has no leader for long is sought
 * again and again, and must not crowd out another that an answer would mend.
 */
export class SoughtKeys {
  readonly #map: PartitionMap;
  readonly #keys = new Map<number, Uint8Array>();

  constructor(map: PartitionMap) {
    this.#map = map;
  }

  /** How many places are sought. */
  get size(): number {
    return this.#keys.size;
  }

  add(key: Uint8Array): void {
    const place = this.#map.lookup(key)?.partitionId ?? GAP;
    if (!this.#keys.has(place) && this.#keys.size >= MOST_PLACES) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(place, key);
  }

  /**
   * Takes an answer for the sake of these keys, after the map has learned from all of it. Several are
   * asked at once and the first to answer may know less than the others: a key that it did not help is
   * still sought when they answer.
   * @param isFound - whether somebody can be asked for a key now
   */
  answered(hints: readonly RouteHint[], isFound: (key: Uint8Array) => boolean): void {
    const keys = [...this.#keys.values()];
    this.#keys.clear();
    for (const key of keys) {
      for (const hint of hints) this.#map.installFor(key, hint);
      // Anew: the place of a key may be another one now.
      if (!isFound(key)) this.add(key);
    }
  }
}
