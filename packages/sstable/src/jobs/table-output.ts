import type { File, FileSystem } from '@dougdb/ports';
import { join, tableName } from '../manifest/file-names.js';
import { removeFile } from '../manifest/remove-file.js';
import type { Cursor } from '../read/cursor.js';
import type { TableFormatOptions, TableMeta, TableSlot } from '../table/table-meta.js';
import { TableWriter } from '../table/table-writer.js';
import type { Job, JobWait } from './job.js';
import type { Pacer } from './pacer.js';

/** Where a job writes tables. */
export interface TableDestination {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly format: TableFormatOptions;
  /** Name and identity for each table, in order: no job makes more tables than it has slots. */
  readonly slots: readonly TableSlot[];
  /** Left out: as fast as it can. */
  readonly pacer?: Pacer;
}

/**
 * The tables that one job writes, one after the other. A finished table is synced; its name is not: the
 * caller syncs the directory. If the job fails, all of them are removed.
 */
export class TableOutput {
  readonly #destination: TableDestination;
  readonly #finished: TableMeta[] = [];
  #open: { readonly file: File; readonly path: string; readonly writer: TableWriter } | null = null;
  #nextSlot = 0;
  #finishedBytes = 0;
  /** Bytes that the pacer has been told of. */
  #pacedBytes = 0;

  constructor(destination: TableDestination) {
    this.#destination = destination;
  }

  get finished(): readonly TableMeta[] {
    return this.#finished;
  }

  /** True if a table may be begun after the open one. */
  get hasSlot(): boolean {
    return this.#nextSlot < this.#destination.slots.length;
  }

  /** Size of the open table so far; 0 if none is open. */
  get openBytes(): number {
    return this.#open?.writer.sizeBytes ?? 0;
  }

  /** What a job yields at the end of a step: a pause if it was too fast. */
  get stepWait(): JobWait | undefined {
    const { pacer } = this.#destination;
    if (pacer === undefined) return undefined;
    const bytes = this.#finishedBytes + this.openBytes;
    const pauseMs = pacer.take(bytes - this.#pacedBytes);
    this.#pacedBytes = bytes;
    return pauseMs > 0 ? { pauseMs } : undefined;
  }

  /** Appends to the open table, begins one if there is none. */
  add(entry: Cursor): void {
    this.#open ??= this.#begin();
    this.#open.writer.add(entry);
  }

  /** Ends the open table, if there is one, and makes its data durable. */
  *finishTable(): Job<void> {
    const open = this.#open;
    if (open === null) return;
    const meta = open.writer.finish();
    yield { datasync: open.file };
    open.file.close();
    this.#open = null;
    this.#finished.push(meta);
    this.#finishedBytes += meta.sizeBytes;
  }

  /** Removes everything: for a job that fails. Whatever stays is removed at the next open. */
  discard(): void {
    const { fs, dir } = this.#destination;
    const paths = this.#finished.map(({ number }) => join(dir, tableName(number)));
    if (this.#open !== null) {
      this.#open.file.close();
      paths.push(this.#open.path);
    }
    this.#open = null;
    this.#finished.length = 0;
    for (const path of paths) removeFile(fs, path);
  }

  #begin(): { file: File; path: string; writer: TableWriter } {
    const { fs, dir, format, slots } = this.#destination;
    const slot = slots[this.#nextSlot++];
    if (slot === undefined) throw new RangeError('a job makes more tables than it has slots');
    const path = join(dir, tableName(slot.number));
    const file = fs.open(path, 'create');
    return { file, path, writer: new TableWriter(file, slot, format) };
  }
}
