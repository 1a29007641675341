/**
 * One change of a file that is not durable. `before` is what stood in [offset, +length), null for
 * zeros: with these a durable image is made by undoing, and a datasync only has to forget changes.
 */
export interface FileChange {
  /** A cut or an extension; otherwise a write. A cut leaves zeros in its range. */
  readonly truncates: boolean;
  readonly offset: number;
  readonly length: number;
  readonly before: Uint8Array | null;
  readonly sizeBefore: number;
  readonly sizeAfter: number;
  readonly ordinal: number;
}

/** One shape for all: an entry is made for every write. */
interface Entry extends FileChange {
  readonly seq: number;
  /** A failed datasync took its page for clean: no later datasync will write it. */
  readonly lost: boolean;
}

/** The changes of one file since it was last made durable, in order. */
export class FileJournal {
  #entries: Entry[] = [];
  #durableSize: number;
  #seq = 0;

  constructor(durableSize: number) {
    this.#durableSize = durableSize;
  }

  /** The size that survives a power loss for certain. */
  get durableSize(): number {
    return this.#durableSize;
  }

  get changes(): readonly FileChange[] {
    return this.#entries;
  }

  add(change: FileChange): void {
    this.#entries.push({
      truncates: change.truncates,
      offset: change.offset,
      length: change.length,
      before: change.before,
      sizeBefore: change.sizeBefore,
      sizeAfter: change.sizeAfter,
      ordinal: change.ordinal,
      seq: ++this.#seq,
      lost: false,
    });
  }

  /** What a datasync that begins now will cover. */
  mark(): number {
    return this.#seq;
  }

  /** A datasync that began at this mark has succeeded. */
  synced(mark: number): void {
    const entries = this.#entries;
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    if (last.seq <= mark && !entries[0]?.lost) {
      this.#durableSize = last.sizeAfter;
      this.#entries = [];
      return;
    }
    let lost: Entry[] = [];
    const later: Entry[] = [];
    for (const entry of entries) {
      if (entry.lost) lost.push(entry);
      else if (entry.seq > mark) later.push(entry);
      else {
        // What is written now is on the disk, even where an older change was lost below it.
        lost = lost.flatMap((old) => without(old, entry));
        this.#durableSize = entry.sizeAfter;
      }
    }
    this.#entries = [...lost, ...later];
  }

  /**
   * A datasync that began at this mark has failed. The kernel takes the pages for clean: they read
   * as before, and no later datasync writes them (Rebello et al., "Can Applications Recover from
   * fsync Failures?", ATC 2020).
   */
  failed(mark: number): void {
    this.#entries = this.#entries.map((entry) =>
      entry.seq <= mark ? { ...entry, lost: true } : entry,
    );
  }
}

/** The parts of an older lost change that a newer durable one does not cover. */
function without(old: Entry, durable: FileChange): Entry[] {
  // The newer size is durable, whatever it was before: what is left of a cut is zeros in its range.
  const { sizeAfter } = durable;
  const rest = { ...old, truncates: false, sizeBefore: sizeAfter, sizeAfter };
  const oldEnd = old.offset + old.length;
  const end = durable.truncates ? Number.POSITIVE_INFINITY : durable.offset + durable.length;
  return [
    part(rest, old.offset, Math.min(oldEnd, durable.offset)),
    part(rest, Math.max(old.offset, end), oldEnd),
  ].filter((entry) => entry.length > 0);
}

function part(entry: Entry, from: number, to: number): Entry {
  const { offset, before } = entry;
  return {
    ...entry,
    offset: from,
    length: Math.max(0, to - from),
    before: before?.subarray(from - offset, to - offset) ?? null,
  };
}
