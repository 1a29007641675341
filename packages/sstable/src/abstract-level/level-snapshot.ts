import { AbstractSnapshot } from 'abstract-level';
import type { Snapshot } from '../read/snapshot.js';

/** Its constructor as it is: the declarations leave the argument out. */
const Base = AbstractSnapshot as unknown as new (options: {
  readonly owner: object;
}) => AbstractSnapshot;

/** A snapshot of abstract-level around one of ours. */
export class LevelSnapshot extends Base {
  readonly #snapshot: Snapshot;

  constructor(options: { readonly owner: object }, snapshot: Snapshot) {
    super(options);
    this.#snapshot = snapshot;
  }

  /** Ours in it; undefined for none. */
  static inside(snapshot: AbstractSnapshot | undefined): Snapshot | undefined {
    if (snapshot === undefined) return undefined;
    if (snapshot instanceof LevelSnapshot) return snapshot.#snapshot;
    throw new TypeError('the snapshot belongs to another kind of database');
  }

  async _close(): Promise<void> {
    this.#snapshot.release();
  }
}
