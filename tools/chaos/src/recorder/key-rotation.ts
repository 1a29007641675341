export interface KeyRotationOptions {
  /** Keys in use at the same time. */
  readonly slots: number;
  /** Names and values begin with it; two workloads in one history need two. Default 'k'. */
  readonly prefix?: string;
  /** Operations after which a key gets a new name. Default 300. */
  readonly maxOperations?: number;
  /** Operations of unknown outcome after which a key gets a new name. Default 10. */
  readonly maxUnknown?: number;
}

interface Slot {
  key: string;
  generation: number;
  operations: number;
  unknown: number;
}

/**
 * Names of keys for a workload whose history is to be checked. The work of the checker grows with the
 * operations of a key, and fast with those of unknown outcome; so a key is used for a while and then
 * another takes its place. Values are unique, so that a value names its writer.
 */
export class KeyRotation {
  readonly #prefix: string;
  readonly #maxOperations: number;
  readonly #maxUnknown: number;
  readonly #slots: Slot[];
  readonly #slotOfKey = new Map<string, Slot>();
  #values = 0;

  constructor(options: KeyRotationOptions) {
    this.#prefix = options.prefix ?? 'k';
    this.#maxOperations = atLeastOne(options.maxOperations ?? 300, 'maxOperations');
    this.#maxUnknown = atLeastOne(options.maxUnknown ?? 10, 'maxUnknown');
    const count = atLeastOne(options.slots, 'slots');
    this.#slots = Array.from({ length: count }, (_, slot) => this.#fresh(slot, 0));
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** The key that a slot stands for now, for one operation. */
  next(slot: number): string {
    let state = this.#slots[slot];
    if (state === undefined) throw new RangeError(`there is no slot ${slot}`);
    if (state.operations >= this.#maxOperations || state.unknown >= this.#maxUnknown) {
      this.#slotOfKey.delete(state.key);
      state = this.#fresh(slot, state.generation + 1);
      this.#slots[slot] = state;
    }
    state.operations++;
    return state.key;
  }

  /**
   * An operation on this key ended with an unknown outcome. Those that are under way when the last one
   * comes may still add to it.
   */
  noteUnknown(key: string): void {
    const state = this.#slotOfKey.get(key);
    // Undefined: it has been replaced.
    if (state !== undefined) state.unknown++;
  }

  /** A value that was never given before. */
  nextValue(): string {
    return `${this.#prefix}v${this.#values++}`;
  }

  #fresh(slot: number, generation: number): Slot {
    const state = {
      key: `${this.#prefix}${slot}.${generation}`,
      generation,
      operations: 0,
      unknown: 0,
    };
    this.#slotOfKey.set(state.key, state);
    return state;
  }
}

function atLeastOne(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`${name} must be an integer of at least 1, not ${value}`);
}
