/**
 * What a file system is to us. Every durable byte of DougDB passes through this port.
 *
 * Durability is explicit and has two halves, as on a POSIX disk: the data of a file is durable
 * after {@link File.datasync}; its *name* (create, rename, link, remove) is durable only after
 * {@link FileSystem.syncDir} of the directory that holds the name. Nothing else may be relied on.
 *
 * Errors are Node-like: `error.code` is 'ENOENT', 'EEXIST', 'ENOSPC', 'EIO', ... Callers branch on
 * the code, never on the class.
 */
export interface FileSystem {
  /** Opens a file. See {@link OpenMode}. @throws ENOENT, EEXIST, EACCES, ENOSPC */
  open(path: string, mode: OpenMode): File;
  /** Makes a directory and its missing parents (mode 0700). Does not sync any of them. */
  mkdir(path: string): void;
  /** Names in a directory, sorted by code unit, without '.' and '..'. @throws ENOENT */
  list(path: string): string[];
  /** @throws never for a missing path: answers null. */
  stat(path: string): FileStat | null;
  /** Replaces `to` if it exists. Durable after syncDir of both parents. */
  rename(from: string, to: string): void;
  /** Hard link. @throws EEXIST, EXDEV */
  link(existing: string, path: string): void;
  /** Removes a file. @throws ENOENT */
  remove(path: string): void;
  /** Removes a directory with all it holds; a missing one is no error. */
  removeTree(path: string): void;
  /** Makes the names in a directory durable, off the loop. A failure must be treated as fatal. */
  syncDir(path: string): Promise<void>;
  /** As syncDir, blocking: for start-up and workers. */
  syncDirSync(path: string): void;
  /** Bytes free to an unprivileged user at this path. */
  freeBytes(path: string): number;
  /**
   * Takes the exclusive lock named by this path, held until `release` or the end of the process
   * (also by kill -9).
   * @throws an error with code 'ELOCKED' if a living process holds it
   */
  lock(path: string): Promise<FileLock>;
}

/**
 * 'read': existing file, read only. 'write': existing file, read and write. 'create': a new file,
 * read and write, EEXIST if it is there.
 */
export type OpenMode = 'read' | 'write' | 'create';

export interface FileStat {
  readonly kind: 'file' | 'directory';
  readonly sizeBytes: number;
}

export interface FileLock {
  release(): Promise<void>;
}

/**
 * An open file. All positions are absolute bytes; there is no cursor. A buffer handed to a method
 * stays the caller's and must not change until the call (or its promise) is done.
 */
export interface File {
  readonly path: string;
  /** Fills target[targetOffset, +length) as far as the file goes; answers the bytes read. @throws EIO */
  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number;
  /** As readSync, through the thread pool. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number>;
  /**
   * Writes all of source[sourceOffset, +length) at position, extending the file if needed: a short
   * write of the system is continued inside. @throws EIO, ENOSPC: then any part may have been written
   */
  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void;
  /** As writeSync, through the thread pool. */
  write(source: Uint8Array, sourceOffset: number, length: number, position: number): Promise<void>;
  /**
   * Makes all data written so far durable (fdatasync), off the loop. It says nothing of the name.
   * After a failure the state of the unsynced data is unknown and never gets better: never retried.
   */
  datasync(): Promise<void>;
  /** As datasync, blocking: for start-up and workers. */
  datasyncSync(): void;
  truncateSync(sizeBytes: number): void;
  sizeSync(): number;
  /** Closes without syncing. A second close does nothing. */
  close(): void;
}
