/** Why a member does not start or has to end. */
export const MemberErrorCode = {
  /** Flags that cannot be served together. */
  Usage: 'MEMBER_USAGE',
  /** The data directory is held by a living process. */
  Locked: 'MEMBER_LOCKED',
  /** The data directory belongs to another cluster, or is none of ours. */
  Foreign: 'MEMBER_FOREIGN',
  /** A file failed a check, or is missing where it must be. */
  Corrupt: 'MEMBER_CORRUPT',
  /** Written by an older version of this program, which this one cannot go on from. */
  Older: 'MEMBER_OLDER_FORMAT',
  /** Written by a newer version of this program. */
  Newer: 'MEMBER_NEWER_FORMAT',
  /** The system does not let us use the data directory. */
  Access: 'MEMBER_ACCESS',
  /** A failed write or fsync: nobody knows what is on the disk. */
  Disk: 'MEMBER_DISK',
  /** No space for what a start needs. */
  NoSpace: 'MEMBER_NO_SPACE',
  Internal: 'MEMBER_INTERNAL',
} as const;
export type MemberErrorCode = (typeof MemberErrorCode)[keyof typeof MemberErrorCode];

/** 1 internal, 2 usage, 3 data directory refused, 4 disk failure. */
export type MemberExitCode = 1 | 2 | 3 | 4;

const exitCodes: Readonly<Record<MemberErrorCode, MemberExitCode>> = {
  MEMBER_USAGE: 2,
  MEMBER_LOCKED: 3,
  MEMBER_FOREIGN: 3,
  MEMBER_CORRUPT: 3,
  MEMBER_OLDER_FORMAT: 3,
  MEMBER_NEWER_FORMAT: 3,
  MEMBER_ACCESS: 3,
  MEMBER_DISK: 4,
  MEMBER_NO_SPACE: 1,
  MEMBER_INTERNAL: 1,
};

/** Ends the process with `exitCode`. Branch on `code`. */
export class MemberError extends Error {
  override readonly name = 'MemberError';
  readonly code: MemberErrorCode;
  readonly exitCode: MemberExitCode;

  constructor(code: MemberErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = exitCodes[code];
  }
}

/** The `code` of whatever was thrown; empty when it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  return typeof error.message === 'string' ? error.message : String(error);
}

/**
 * What an error of the file system means for the process: damage of the disk is not the same as a
 * directory that we may not use. @param doing - what was being done, for the message
 */
export function fromFsError(error: unknown, doing: string): MemberError {
  const text = `${doing}: ${messageOf(error)}`;
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new MemberError(MemberErrorCode.NoSpace, text, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'ELOOP':
      return new MemberError(MemberErrorCode.Access, text, error);
    case 'ELOCKED':
      return new MemberError(MemberErrorCode.Locked, text, error);
    default:
      return new MemberError(MemberErrorCode.Disk, text, error);
  }
}
