import type { SstErrorCode } from '../contract.js';
import { codeOf, messageOf } from '../encoding/error-code.js';

/** Codes of classic-level for what can go wrong in both. */
const CODES: Readonly<Record<SstErrorCode, string>> = {
  SST_CORRUPT: 'LEVEL_CORRUPTION',
  SST_FOREIGN: 'LEVEL_CORRUPTION',
  SST_IO: 'LEVEL_IO_ERROR',
  SST_NO_SPACE: 'LEVEL_IO_ERROR',
  SST_NEWER_FORMAT: 'LEVEL_NOT_SUPPORTED',
  SST_CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  SST_MISSING: 'LEVEL_DATABASE_MISSING',
  SST_EXISTS: 'LEVEL_DATABASE_EXISTS',
  SST_LOCKED: 'LEVEL_LOCKED',
  SST_USAGE: 'LEVEL_USAGE',
};

/** An error as users of abstract-level know it: `code` begins with LEVEL_, `cause` is ours. */
export class LevelError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LevelError';
    this.code = code;
  }
}

/** What an operation ends with when its signal says so; named as in abstract-level and elsewhere. */
export function abortError(): LevelError {
  const error = new LevelError('LEVEL_ABORTED', 'the operation was aborted');
  error.name = 'AbortError';
  return error;
}

/** Ours as a LevelError; others pass. */
export function toLevelError(error: unknown): unknown {
  const code = CODES[codeOf(error) as SstErrorCode];
  return code === undefined ? error : new LevelError(code, messageOf(error), error);
}
