/**
 * Where {term, votedFor} of every replica of a node is kept (S1): one value a replica, written whole,
 * durable when the promise resolves. The bytes are this package's `hard-state-format.ts`.
 */
export interface HardStateStore {
  /** The stored value of a replica, null if there never was one. The bytes are the caller's. */
  get(replicaId: number): Uint8Array | null;
  /**
   * Replaces the value. Puts of one turn of the loop share one transaction and one sync.
   * A rejection is fatal for the process: nobody knows what is on the disk.
   */
  put(replicaId: number, value: Uint8Array): Promise<void>;
  /** Replica ids that have a value. */
  replicaIds(): number[];
  close(): Promise<void>;
}
