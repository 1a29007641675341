import type { DirectoryInode, Inode } from './directory-inode.js';
import { SimFsError } from './fs-error.js';

/** A name in a directory that exists; the name may mean nothing yet. */
export interface Place {
  readonly directory: DirectoryInode;
  readonly name: string;
  readonly inode: Inode | null;
}

/** '/a/b' for 'a//b/', './a/b' and '/a/x/../b'. */
export function normalize(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

/** Finds what a normalised path means. */
export function lookup(root: DirectoryInode, path: string): Inode | null {
  let inode: Inode | null = root;
  for (const name of namesOf(path)) {
    if (inode?.kind !== 'directory') return null;
    inode = inode.names.get(name) ?? null;
  }
  return inode;
}

/** @throws ENOENT, ENOTDIR for the operation, EPERM for the root */
export function place(root: DirectoryInode, path: string, operation: string): Place {
  const names = namesOf(path);
  const name = names.pop();
  if (name === undefined) throw new SimFsError('EPERM', operation, path);
  const directory = directoryAt(root, `/${names.join('/')}`, operation, path);
  return { directory, name, inode: directory.names.get(name) ?? null };
}

/** @throws ENOENT, ENOTDIR for the operation on `forPath` */
export function directoryAt(
  root: DirectoryInode,
  path: string,
  operation: string,
  forPath = path,
): DirectoryInode {
  let inode: Inode = root;
  for (const name of namesOf(path)) {
    const next: Inode | undefined = inode.kind === 'directory' ? inode.names.get(name) : undefined;
    if (next === undefined) {
      throw new SimFsError(inode.kind === 'file' ? 'ENOTDIR' : 'ENOENT', operation, forPath);
    }
    inode = next;
  }
  if (inode.kind === 'file') throw new SimFsError('ENOTDIR', operation, forPath);
  return inode;
}

/** Files and directories below and with this one, each name once, in order of the names. */
export function* walk(inode: Inode, path: string): Generator<[path: string, inode: Inode]> {
  yield [path, inode];
  if (inode.kind === 'file') return;
  for (const name of [...inode.names.keys()].sort()) {
    yield* walk(inode.names.get(name) as Inode, path === '/' ? `/${name}` : `${path}/${name}`);
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}
