import type { TableMeta } from '../table/table-meta.js';
import type { TableReader } from '../table/table-reader.js';

/**
 * A table in use: its entry in the manifest, its open file, and how many versions name it. When the
 * last version lets go of a table that the manifest no longer names, the file is closed and removed.
 */
export class TableHandle {
  readonly meta: TableMeta;
  readonly reader: TableReader;
  readonly #onUnused: (handle: TableHandle) => void;
  #references = 0;

  /** @param onUnused called once, when no version names the table any more */
  constructor(meta: TableMeta, reader: TableReader, onUnused: (handle: TableHandle) => void) {
    this.meta = meta;
    this.reader = reader;
    this.#onUnused = onUnused;
  }

  acquire(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.#onUnused(this);
  }
}
