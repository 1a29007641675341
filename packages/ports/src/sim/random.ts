import type { Random } from '../random.js';

/**
 * A seeded generator: xoshiro128** (Blackman and Vigna), its state mixed from the seed's text.
 * Same seed, same numbers, on every platform. Not for secrets.
 *
 * Each concern of a simulation takes a stream of its own by {@link fork}, so that one more draw in
 * one of them does not disturb the others.
 */
export class SimRandom implements Random {
  /** The seed, with the names of the forks that led here: `42/disk/n1`. */
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number | string) {
    this.seed = String(seed);
    this.#a = mixText(this.seed, 0x9e3779b9);
    this.#b = mixText(this.seed, 0x85ebca6b);
    this.#c = mixText(this.seed, 0xc2b2ae35);
    // xoshiro must not start at all zeros.
    this.#d = mixText(this.seed, 0x27d4eb2f) | 1;
  }

  /**
   * An independent stream. It depends on this one's seed and the name only, never on how many
   * numbers were drawn: the same name gives the same stream again.
   */
  fork(name: string): SimRandom {
    return new SimRandom(`${this.seed}/${name}`);
  }

  /** Uniform 32 bits, 0 to 2^32 - 1. */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
  }

  bytes(count: number): Uint8Array {
    const result = new Uint8Array(count);
    for (let i = 0; i < count; i += 4) {
      const word = this.uint32();
      for (let k = i; k < Math.min(i + 4, count); k++) result[k] = word >>> ((k - i) * 8);
    }
    return result;
  }

  /** A uniform integer in [0, bound). @throws RangeError if bound is not a positive safe integer */
  int(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1)
      throw new RangeError(`no integer below ${bound}`);
    return Math.floor(this.next() * bound);
  }

  /** True with this probability; 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One item, each as likely. @throws RangeError if the list is empty */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from');
    return list[this.int(list.length)] as T;
  }
}

/** FNV-1a over the text, then murmur3's finaliser so that near seeds start far apart. */
function mixText(text: string, salt: number): number {
  let hash = 0x811c9dc5 ^ salt;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
