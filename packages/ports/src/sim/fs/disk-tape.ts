import type { DirectoryInode } from './directory-inode.js';
import type { DiskEffect } from './disk-effect.js';
import type { FileInode } from './file-inode.js';
import { walk } from './path-lookup.js';

/** Omit, for each member of a union. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An effect on a file, before the file has its number. */
export type FileEffect = Without<Extract<DiskEffect, { readonly file: number | null }>, 'file'>;

/** What a {@link SimFs} writes down while it is recorded: effects, and a number for each file. */
export class DiskTape {
  readonly effects: DiskEffect[] = [];
  readonly #numbers = new WeakMap<FileInode, number>();
  #next = 1;

  /** Numbers what is there, in order of the names: as a replay of the same tree does. */
  constructor(root: DirectoryInode) {
    for (const [, inode] of walk(root, '/')) if (inode.kind === 'file') this.#numberOf(inode);
  }

  /** An effect on names. */
  note(effect: Exclude<DiskEffect, { readonly file: number | null }>): void {
    this.effects.push(effect);
  }

  /** An effect on a file; bytes are copied. */
  noteFile(inode: FileInode, effect: FileEffect): void {
    const file = this.#numberOf(inode);
    if ('bytes' in effect) this.effects.push({ ...effect, bytes: effect.bytes.slice(), file });
    else this.effects.push({ ...effect, file });
  }

  /** The beginning of a syncDir, which has no file. */
  noteSyncDir(path: string, ordinal: number): void {
    this.effects.push({ effect: 'sync begins', path, file: null, ordinal });
  }

  #numberOf(inode: FileInode): number {
    const known = this.#numbers.get(inode);
    if (known !== undefined) return known;
    const number = this.#next++;
    this.#numbers.set(inode, number);
    return number;
  }
}
