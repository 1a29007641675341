import { codeOf, MemberError, MemberErrorCode, messageOf } from '../member-error.js';

/** What the error codes of the parts below mean for the process. */
const meaning: Readonly<Record<string, MemberErrorCode>> = {
  WAL_CORRUPT: MemberErrorCode.Corrupt,
  WAL_NEWER_FORMAT: MemberErrorCode.Newer,
  WAL_FAILED: MemberErrorCode.Disk,
  WAL_NO_SPACE: MemberErrorCode.NoSpace,
  SST_CORRUPT: MemberErrorCode.Corrupt,
  SST_NEWER_FORMAT: MemberErrorCode.Newer,
  SST_FOREIGN: MemberErrorCode.Foreign,
  SST_IO: MemberErrorCode.Disk,
  SST_NO_SPACE: MemberErrorCode.NoSpace,
  REPLICA_HARD_STATE: MemberErrorCode.Corrupt,
  REPLICA_LOG_LOST: MemberErrorCode.Corrupt,
  REPLICA_STATE_CORRUPT: MemberErrorCode.Corrupt,
  REPLICA_ENTRY_FORMAT: MemberErrorCode.Newer,
  REPLICA_ENTRY_DAMAGED: MemberErrorCode.Corrupt,
  HARD_STATE_CORRUPT: MemberErrorCode.Corrupt,
  HARD_STATE_FAILED: MemberErrorCode.Disk,
  ENOSPC: MemberErrorCode.NoSpace,
  EDQUOT: MemberErrorCode.NoSpace,
  EIO: MemberErrorCode.Disk,
  EROFS: MemberErrorCode.Disk,
  EACCES: MemberErrorCode.Access,
  EPERM: MemberErrorCode.Access,
};

/** The MemberError, with its exit code, for whatever a part threw. */
export function asMemberError(error: unknown, doing: string): MemberError {
  if (isMemberError(error)) return error;
  const found = codeOf(error);
  const code = Object.hasOwn(meaning, found) ? meaning[found] : undefined;
  return new MemberError(
    code ?? MemberErrorCode.Internal,
    `${doing}: ${messageOf(error)}${whereOf(error)}`,
    error,
  );
}

function isMemberError(error: unknown): error is MemberError {
  return codeOf(error).startsWith('MEMBER_');
}

/** File and offset of the damage, unless the message names them already. */
function whereOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const file = 'file' in error && typeof error.file === 'string' ? error.file : null;
  const offset = 'offset' in error && typeof error.offset === 'number' ? error.offset : null;
  if (file === null || messageOf(error).includes(file)) return '';
  return offset === null ? ` (${file})` : ` (${file} at offset ${offset})`;
}
