import { WalError, WalErrorCode } from './contract.js';

/** The `code` of anything thrown, or ''. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

export function isNoSpace(error: unknown): boolean {
  return codeOf(error) === 'ENOSPC';
}

/** What was thrown, as a WalError: itself, WAL_NO_SPACE for a full disk, WAL_FAILED for the rest. */
export function toWalError(error: unknown, what: string): WalError {
  if (isWalError(error)) return error;
  const code = isNoSpace(error) ? WalErrorCode.NoSpace : WalErrorCode.Failed;
  return new WalError(code, `${what}: ${messageOf(error)}`, { cause: error });
}

/** A WAL_FAILED whatever the reason: for errors after which nothing may go on. */
export function toFailure(error: unknown, what: string): WalError {
  const message = `${what}: ${messageOf(error)}`;
  return new WalError(WalErrorCode.Failed, message, { cause: error });
}

function isWalError(error: unknown): error is WalError {
  return codeOf(error).startsWith('WAL_');
}

function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error)
    return String(error.message);
  return String(error);
}
