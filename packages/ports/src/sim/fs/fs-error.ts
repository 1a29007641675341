/** Messages of the codes that the simulated file system throws. */
const MESSAGES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBADF: 'bad file descriptor',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOCKED: 'held by a living process',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ESIMCRASH: 'the simulated machine has lost power',
};

/** An error as Node's file functions throw it: branch on `code`. */
export class SimFsError extends Error {
  readonly code: string;
  /** The operation that failed, for people. */
  readonly operation: string;
  readonly path: string;

  constructor(code: string, operation: string, path: string) {
    super(`${code}: ${MESSAGES[code] ?? 'injected fault'}, ${operation} '${path}'`);
    this.name = 'SimFsError';
    this.code = code;
    this.operation = operation;
    this.path = path;
  }
}
