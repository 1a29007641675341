/** What {@link SimFs} counts and may fail. `close`, `release` and `sizeSync` always succeed. */
export type OperationKind =
  | 'open'
  | 'create'
  | 'mkdir'
  | 'list'
  | 'stat'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDir'
  | 'freeBytes'
  | 'lock'
  | 'read'
  | 'write'
  | 'datasync'
  | 'truncate';

/** An operation that is about to happen. */
export interface Operation {
  readonly kind: OperationKind;
  /** Absolute and normalised: `/wal/0001.wal`. Of a rename or link: the old name. */
  readonly path: string;
  /** Of a rename or link: the new name; else empty. */
  readonly toPath: string;
  /** Position in the file for read and write, new size for truncate, else 0. */
  readonly offset: number;
  /** Bytes to be read or written, else 0. */
  readonly length: number;
  /** 1 for the first operation of this SimFs. */
  readonly ordinal: number;
  /** True for the forms that block the loop (`writeSync`, `rename`): they cannot stall. */
  readonly blocking: boolean;
}

/**
 * What an operation meets instead of success.
 * 'error': it fails with this code and changes nothing; a failed datasync or syncDir also forgets
 * what it should have made durable, as kernels do.
 * 'short-write': so many bytes are written, then ENOSPC. 'misdirect': the bytes go to another position
 * of the same file, and success is told. 'lie': a datasync or syncDir that tells success and does
 * nothing. 'crash': the power fails before it, see {@link SimFs.crashAtOperation}.
 * 'delay' and 'stall' hold an asynchronous operation back, for so long or until
 * {@link SimFs.releaseStalled}; on a blocking one 'delay' does nothing and 'stall' is an error of the test.
 */
export type Fault =
  | { readonly fault: 'error'; readonly code: string }
  | { readonly fault: 'short-write'; readonly writtenBytes: number }
  | { readonly fault: 'misdirect'; readonly position: number }
  | { readonly fault: 'lie' }
  | { readonly fault: 'crash' }
  | { readonly fault: 'delay'; readonly delayMs: number }
  | { readonly fault: 'stall' };

/** 'EIO' and 'ENOSPC' are short for the 'error' fault. */
export type Verdict = 'ok' | 'EIO' | 'ENOSPC' | Fault;

/** Sees each operation before it happens. It must not call the file system. */
export type OperationHook = (operation: Operation) => Verdict;

/** Which operations a rule of {@link SimFs.failNext} waits for: all that is given must match. */
export interface OperationMatch {
  readonly kind?: OperationKind;
  /** A whole path, or a pattern. */
  readonly path?: string | RegExp;
}

const MUTATING: ReadonlySet<OperationKind> = new Set([
  'create',
  'mkdir',
  'rename',
  'link',
  'remove',
  'syncDir',
  'write',
  'datasync',
  'truncate',
]);

/** True if a power loss just before and just after the operation can differ. */
export function isMutating(kind: OperationKind): boolean {
  return MUTATING.has(kind);
}

export function matches(match: OperationMatch, operation: Operation): boolean {
  if (match.kind !== undefined && match.kind !== operation.kind) return false;
  if (match.path === undefined) return true;
  if (typeof match.path === 'string') return match.path === operation.path;
  return operation.path.search(match.path) >= 0;
}
