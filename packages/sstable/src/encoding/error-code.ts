import { SstError, SstErrorCode } from '../contract.js';

/** The `code` of whatever was thrown: errors are told apart by it, never by their class. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** True for errors of this package. */
export function isSstError(error: unknown): error is SstError {
  return codeOf(error)?.startsWith('SST_') ?? false;
}

const NO_SPACE_CODES: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'WAL_NO_SPACE',
  SstErrorCode.NoSpace,
]);

/** True if a full disk (or quota) is the reason, also as the cause of another error. */
export function isNoSpace(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; depth < 8; depth++) {
    const code = codeOf(at);
    if (code !== null && NO_SPACE_CODES.has(code)) return true;
    if (typeof at !== 'object' || at === null || !('cause' in at)) return false;
    at = at.cause;
  }
  return false;
}

/** An error of the file system as one of ours; ours pass unchanged. */
export function toSstError(error: unknown, what: string, file?: string): SstError {
  if (isSstError(error)) return error;
  const code = isNoSpace(error) ? SstErrorCode.NoSpace : SstErrorCode.Io;
  const where = file === undefined ? { cause: error } : { cause: error, file };
  return new SstError(code, `${what} failed: ${messageOf(error)}`, where);
}

/** What an error says. */
export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) {
    return String(error.message);
  }
  return String(error);
}
