/** Decoded blocks of all databases of a process, bounded in bytes. */
export class BlockCache {
  readonly capacityBytes: number;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }
}
