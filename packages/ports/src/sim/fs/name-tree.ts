import { DirectoryInode, type Inode } from './directory-inode.js';
import { type DiskSpace, FileInode } from './file-inode.js';
import { SimFsError } from './fs-error.js';
import { directoryAt, lookup, type Place, place, walk } from './path-lookup.js';

/**
 * The names of a simulated disk and what may be done to them, with the errors of POSIX. All paths
 * are normalised. Every change is unsynced and carries the ordinal of its operation.
 */
export class NameTree {
  readonly root: DirectoryInode;
  readonly #space: DiskSpace;

  constructor(space: DiskSpace, root = new DirectoryInode()) {
    this.#space = space;
    this.root = root;
  }

  find(path: string): Inode | null {
    return lookup(this.root, path);
  }

  /** @throws ENOENT, EISDIR */
  file(path: string): FileInode {
    const { inode } = place(this.root, path, 'open');
    if (inode === null) throw new SimFsError('ENOENT', 'open', path);
    if (inode.kind === 'directory') throw new SimFsError('EISDIR', 'open', path);
    return inode;
  }

  /** @throws ENOENT, ENOTDIR for the operation */
  directory(path: string, operation: string): DirectoryInode {
    return directoryAt(this.root, path, operation);
  }

  /** @throws ENOENT, EEXIST, ENOSPC */
  create(path: string, ordinal: number): FileInode {
    const { directory, name, inode } = place(this.root, path, 'open');
    if (inode !== null) throw new SimFsError('EEXIST', 'open', path);
    this.#checkSpace('open', path);
    const made = new FileInode(this.#space);
    made.retain();
    directory.change([{ name, inode: made }], ordinal);
    return made;
  }

  /** One directory; what has this name must not be a file. @throws ENOENT, ENOSPC */
  mkdir(path: string, ordinal: number): void {
    const { directory, name } = place(this.root, path, 'mkdir');
    this.#checkSpace('mkdir', path);
    directory.change([{ name, inode: new DirectoryInode() }], ordinal);
  }

  /** @throws ENOENT, EINVAL, EISDIR, ENOTDIR, ENOTEMPTY */
  rename(from: string, to: string, ordinal: number): void {
    const source = place(this.root, from, 'rename');
    const target = place(this.root, to, 'rename');
    const { inode } = source;
    if (inode === null) throw new SimFsError('ENOENT', 'rename', from);
    // Two names of one file, or one name: POSIX does nothing.
    if (inode === target.inode) return;
    if (`${to}/`.startsWith(`${from}/`)) throw new SimFsError('EINVAL', 'rename', from);
    checkReplaceable(inode, target, to);
    const away = { name: source.name, inode: null };
    const here = { name: target.name, inode };
    if (source.directory === target.directory) {
      source.directory.change([away, here], ordinal);
    } else {
      const arrival = target.directory.change([here], ordinal);
      source.directory.change([away], ordinal, arrival);
    }
    if (target.inode?.kind === 'file') target.inode.release();
  }

  /** @throws ENOENT, EEXIST, EPERM for a directory */
  link(existing: string, path: string, ordinal: number): void {
    const { inode } = place(this.root, existing, 'link');
    if (inode === null) throw new SimFsError('ENOENT', 'link', existing);
    const target = place(this.root, path, 'link');
    if (target.inode !== null) throw new SimFsError('EEXIST', 'link', path);
    if (inode.kind === 'directory') throw new SimFsError('EPERM', 'link', existing);
    target.directory.change([{ name: target.name, inode }], ordinal);
    inode.retain();
  }

  /** @throws ENOENT, EISDIR */
  unlink(path: string, ordinal: number): void {
    const { inode } = place(this.root, path, 'unlink');
    if (inode === null) throw new SimFsError('ENOENT', 'unlink', path);
    if (inode.kind === 'directory') throw new SimFsError('EISDIR', 'unlink', path);
    this.drop(path, ordinal);
  }

  /** Takes a name away, whatever it means. */
  drop(path: string, ordinal: number): void {
    const { directory, name, inode } = place(this.root, path, 'rm');
    directory.change([{ name, inode: null }], ordinal);
    if (inode?.kind === 'file') inode.release();
  }

  /** A durable file with these bytes (taken over) under a durable name. @throws ENOENT, EISDIR */
  plant(path: string, bytes: Uint8Array): void {
    const { directory, name, inode } = place(this.root, path, 'plant');
    if (inode?.kind === 'directory') throw new SimFsError('EISDIR', 'plant', path);
    inode?.release();
    const planted = new FileInode(this.#space, bytes);
    planted.retain();
    directory.changeDurably(name, planted);
  }

  /** Something new takes a block, small as it is; another name for what is there does not. */
  #checkSpace(operation: string, path: string): void {
    const { usedBytes, capacityBytes } = this.#space;
    if (usedBytes >= capacityBytes) throw new SimFsError('ENOSPC', operation, path);
  }

  /** A line for each name: path, kind, size and a checksum of the bytes. */
  dump(checksum: (bytes: Uint8Array) => string): string {
    const lines: string[] = [];
    for (const [path, inode] of walk(this.root, '/')) {
      if (inode.kind === 'directory') lines.push(`${path} directory`);
      else lines.push(`${path} file ${inode.size} ${checksum(inode.bytes)}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** @throws as rename(2) does for what cannot take the other's place */
function checkReplaceable(inode: Inode, target: Place, path: string): void {
  const old = target.inode;
  if (old === null) return;
  if (inode.kind === 'file') {
    if (old.kind === 'directory') throw new SimFsError('EISDIR', 'rename', path);
  } else if (old.kind === 'file') {
    throw new SimFsError('ENOTDIR', 'rename', path);
  } else if (old.names.size > 0) {
    throw new SimFsError('ENOTEMPTY', 'rename', path);
  }
}
