/** Randomness: from the operating system in production, from a seed in the simulator. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `count` random bytes fit for identifiers. */
  bytes(count: number): Uint8Array;
}
