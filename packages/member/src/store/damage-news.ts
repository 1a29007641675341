import type { SstError } from '@dougdb/sstable';

/**
 * What checks of a database's tables find, for its replica. A check may find something while the replica is still
 * being opened: that is kept, for the database tells of each table once.
 */
export class DamageNews {
  #early: SstError | null = null;
  #listener: ((error: SstError) => void) | null = null;

  /** Hears at once what was told before: the first of it, for one is enough to end the service. */
  listen(listener: (error: SstError) => void): void {
    this.#listener = listener;
    if (this.#early !== null) listener(this.#early);
    this.#early = null;
  }

  tell(error: SstError): void {
    if (this.#listener === null) this.#early ??= error;
    else this.#listener(error);
  }
}
