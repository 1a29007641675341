import type { DirectoryInode } from './directory-inode.js';
import type { DiskEffect } from './disk-effect.js';
import { KEEP_EVERYTHING } from './file-crash.js';
import type { FileInode, WriteInFlight } from './file-inode.js';
import { NameTree } from './name-tree.js';
import { walk } from './path-lookup.js';
import { treeAfterCrash } from './tree-crash.js';

interface SyncUnderWay {
  readonly synced: () => void;
  readonly failed: () => void;
}

/**
 * A disk on which recorded effects happen once more, one by one: what is synced and what is not is at each
 * position as it was then.
 */
export class DiskReplay {
  readonly #effects: readonly DiskEffect[];
  readonly #space = { capacityBytes: Number.MAX_SAFE_INTEGER, usedBytes: 0 };
  readonly #tree: NameTree;
  readonly #files = new Map<number, FileInode>();
  /** By ordinal, as those below. */
  readonly #writes = new Map<number, { inode: FileInode; write: WriteInFlight }>();
  readonly #syncs = new Map<number, SyncUnderWay>();
  #position = 0;

  /** @param base all of it counts as durable; it is copied */
  constructor(base: DirectoryInode, effects: readonly DiskEffect[]) {
    this.#effects = effects;
    const root = treeAfterCrash(base, this.#space, KEEP_EVERYTHING);
    this.#tree = new NameTree(this.#space, root);
    const numbered = new Set<FileInode>();
    for (const [, inode] of walk(root, '/')) {
      if (inode.kind === 'directory' || numbered.has(inode)) continue;
      numbered.add(inode);
      this.#files.set(numbered.size, inode);
    }
  }

  get root(): DirectoryInode {
    return this.#tree.root;
  }

  get position(): number {
    return this.#position;
  }

  /** Lets effects happen up to this position; never goes back. */
  goTo(position: number): void {
    while (this.#position < position) {
      const effect = this.#effects[this.#position];
      if (effect === undefined) return;
      this.#apply(effect);
      this.#position++;
    }
  }

  #apply(effect: DiskEffect): void {
    const tree = this.#tree;
    switch (effect.effect) {
      case 'create':
        this.#files.set(effect.file, tree.create(effect.path, effect.ordinal));
        return;
      case 'mkdir':
        tree.mkdir(effect.path, effect.ordinal);
        return;
      case 'remove':
        tree.drop(effect.path, effect.ordinal);
        return;
      case 'rename':
        tree.rename(effect.path, effect.toPath, effect.ordinal);
        return;
      case 'link':
        tree.link(effect.path, effect.toPath, effect.ordinal);
        return;
      case 'write':
        this.#files.get(effect.file)?.write(effect.bytes, effect.position, effect.ordinal);
        return;
      case 'truncate':
        this.#files.get(effect.file)?.truncate(effect.sizeBytes, effect.ordinal);
        return;
      case 'write begins':
        this.#beginWrite(effect);
        return;
      case 'write ends':
        this.#endWrite(effect.ordinal);
        return;
      case 'sync begins':
        this.#beginSync(effect);
        return;
      case 'sync ends':
        this.#endSync(effect);
        return;
      case 'corrupt':
        this.#files.get(effect.file)?.flip(effect.byteOffset, effect.xorMask);
        return;
      case 'plant':
        tree.plant(effect.path, effect.bytes.slice());
        this.#files.set(effect.file, tree.file(effect.path));
    }
  }

  #beginWrite(effect: Extract<DiskEffect, { effect: 'write begins' }>): void {
    const inode = this.#files.get(effect.file);
    if (inode === undefined) return;
    inode.inFlight.add(effect);
    this.#writes.set(effect.ordinal, { inode, write: effect });
  }

  #endWrite(ordinal: number): void {
    const under = this.#writes.get(ordinal);
    under?.inode.inFlight.delete(under.write);
    this.#writes.delete(ordinal);
  }

  #beginSync({ path, file, ordinal }: Extract<DiskEffect, { effect: 'sync begins' }>): void {
    const synced =
      file === null ? this.#tree.directory(path, 'syncDir') : this.#files.get(file)?.journal;
    if (synced === undefined) return;
    const mark = synced.mark();
    this.#syncs.set(ordinal, {
      synced: () => synced.synced(mark),
      failed: () => synced.failed(mark),
    });
  }

  #endSync({ ordinal, outcome }: Extract<DiskEffect, { effect: 'sync ends' }>): void {
    const under = this.#syncs.get(ordinal);
    this.#syncs.delete(ordinal);
    if (outcome === 'done') under?.synced();
    else if (outcome === 'failed') under?.failed();
  }
}
