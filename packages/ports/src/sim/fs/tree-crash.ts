import { DirectoryInode, type Inode, movesDirectory, type NameChange } from './directory-inode.js';
import { type CrashModel, fileAfterCrash } from './file-crash.js';
import { type DiskSpace, FileInode } from './file-inode.js';

/** A tree as a disk would hold it after a power loss; the old one stays as it is. */
export function treeAfterCrash(
  root: DirectoryInode,
  space: DiskSpace,
  model: CrashModel,
): DirectoryInode {
  return new TreeCrash(space, model).directory(root, '');
}

class TreeCrash {
  readonly #space: DiskSpace;
  readonly #model: CrashModel;
  readonly #made = new Map<Inode, Inode>();
  readonly #decided = new Map<NameChange, boolean>();

  constructor(space: DiskSpace, model: CrashModel) {
    this.#space = space;
    this.#model = model;
  }

  directory(old: DirectoryInode, path: string): DirectoryInode {
    const made = new DirectoryInode();
    this.#made.set(old, made);
    const names = new Map(old.durable);
    for (const change of old.changes) {
      if (!this.#keeps(change, path)) continue;
      for (const { name, inode } of change.sets) {
        if (inode === null) names.delete(name);
        else names.set(name, inode);
      }
    }
    // In order of the names, so that the same history always draws the same random numbers.
    for (const name of [...names.keys()].sort()) {
      const inode = this.#inode(names.get(name) as Inode, `${path}/${name}`);
      made.names.set(name, inode);
      made.durable.set(name, inode);
    }
    return made;
  }

  #inode(old: Inode, path: string): Inode {
    const before = this.#made.get(old);
    const made = before ?? this.#make(old, path);
    if (made.kind === 'file') made.retain();
    return made;
  }

  #make(old: Inode, path: string): Inode {
    if (old.kind === 'directory') return this.directory(old, path);
    const made = new FileInode(this.#space, fileAfterCrash(old, path, this.#model));
    this.#made.set(old, made);
    return made;
  }

  #keeps(change: NameChange, path: string): boolean {
    const before = this.#decided.get(change);
    if (before !== undefined) return before;
    const decision = this.#decide(change, path);
    this.#decided.set(change, decision);
    return decision;
  }

  #decide(change: NameChange, path: string): boolean {
    const { after, ordinal } = change;
    if (after !== null) {
      // The old name goes only if the new one stands.
      const stands = after.state === 'settled' || this.#keeps(after, path);
      if (!stands || movesDirectory(after)) return stands;
    }
    const name = change.sets[change.sets.length - 1]?.name ?? '';
    const part = { kind: 'name', path: `${path}/${name}`, ordinal, index: 0, count: 1 } as const;
    return this.#model.keep(part);
  }
}
