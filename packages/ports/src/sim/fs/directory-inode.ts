import type { FileInode } from './file-inode.js';

export type Inode = FileInode | DirectoryInode;

/** One atomic change of a directory's names: each name and what it means from now on. */
export interface NameChange {
  readonly directory: DirectoryInode;
  sets: readonly NameSet[];
  readonly ordinal: number;
  readonly seq: number;
  /** The new name that must be durable before this change, which takes the old name away, can be. */
  readonly after: NameChange | null;
  /** The change that waits for this one. */
  before: NameChange | null;
  state: 'unsynced' | 'synced' | 'lost' | 'settled';
}

export interface NameSet {
  readonly name: string;
  readonly inode: Inode | null;
}

/** A directory: its names as seen now, its durable names, and the changes between the two. */
export class DirectoryInode {
  readonly kind = 'directory';
  readonly names = new Map<string, Inode>();
  readonly durable = new Map<string, Inode>();
  #changes: NameChange[] = [];
  #seq = 0;

  /** Changes that are not durable, in order. */
  get changes(): readonly NameChange[] {
    return this.#changes;
  }

  /** Changes names; `after` links the two halves of a rename between directories. */
  change(sets: readonly NameSet[], ordinal: number, after: NameChange | null = null): NameChange {
    for (const { name, inode } of sets) {
      if (inode === null) this.names.delete(name);
      else this.names.set(name, inode);
    }
    const seq = ++this.#seq;
    const change: NameChange = {
      directory: this,
      sets,
      ordinal,
      seq,
      after,
      before: null,
      state: 'unsynced',
    };
    if (after !== null) after.before = change;
    this.#changes.push(change);
    return change;
  }

  /** Sets one name, synced or not before, durably. */
  changeDurably(name: string, inode: Inode): void {
    this.#settle(this.change([{ name, inode }], 0));
  }

  /** What a syncDir that begins now will cover. */
  mark(): number {
    return this.#seq;
  }

  /** A syncDir that began at this mark has succeeded. */
  synced(mark: number): void {
    for (const change of [...this.#changes]) {
      if (change.seq > mark || change.state !== 'unsynced') continue;
      change.state = 'synced';
      if (mayGo(change)) this.#settle(change);
    }
  }

  /** A syncDir that began at this mark has failed: as with data, a later one does not help. */
  failed(mark: number): void {
    for (const change of this.#changes) if (change.seq <= mark) change.state = 'lost';
  }

  #settle(change: NameChange): void {
    for (const { name, inode } of change.sets) {
      if (inode === null) this.durable.delete(name);
      else this.durable.set(name, inode);
    }
    // An older change of the same name that is still waiting, or was lost, is history now.
    const passed: NameChange[] = [change];
    const names = new Set(change.sets.map(({ name }) => name));
    for (const old of this.#changes) {
      if (old.seq >= change.seq) break;
      old.sets = old.sets.filter(({ name }) => !names.has(name));
      if (old.sets.length === 0) passed.push(old);
    }
    this.#changes = this.#changes.filter((kept) => !passed.includes(kept));
    for (const done of passed) {
      done.state = 'settled';
      const waiting = done.before;
      if (waiting?.state === 'synced' || (waiting?.state === 'unsynced' && movesDirectory(done))) {
        waiting.directory.#settle(waiting);
      }
    }
  }
}

/**
 * A rename between directories never loses the file: the old name goes from the disk only after
 * the new one is there.
 */
function mayGo(change: NameChange): boolean {
  return change.after === null || change.after.state === 'settled';
}

/** A directory cannot stand in two places, not even after a power loss. */
export function movesDirectory(change: NameChange): boolean {
  return change.sets.some(({ inode }) => inode?.kind === 'directory');
}
