import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, messageOf, toSstError } from './error-code.js';

/** An error of a record log as one of ours, with the same file and offset. */
export function fromWalError(error: unknown, path: string): SstError {
  const code = codeOf(error);
  const offset = offsetOf(error);
  const where =
    offset === null ? { file: path, cause: error } : { file: path, offset, cause: error };
  if (code === 'WAL_CORRUPT' && causeCodeOf(error) !== null) {
    // The disk did not give the bytes: that says nothing about what they are.
    return new SstError(SstErrorCode.Io, `reading ${path} failed: ${messageOf(error)}`, where);
  }
  if (code === 'WAL_CORRUPT') {
    return new SstError(SstErrorCode.Corrupt, `${path} is damaged: ${messageOf(error)}`, where);
  }
  if (code === 'WAL_NEWER_FORMAT') {
    return new SstError(
      SstErrorCode.Newer,
      `${path} has a newer format: ${messageOf(error)}`,
      where,
    );
  }
  if (code === 'ENOENT') {
    return new SstError(SstErrorCode.Corrupt, `${path} is missing`, { ...where, offset: 0 });
  }
  return toSstError(error, `reading ${path}`, path);
}

/** Code of the error of the file system behind an error. */
function causeCodeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('cause' in error)) return null;
  return codeOf(error.cause);
}

function offsetOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('offset' in error)) return null;
  return typeof error.offset === 'number' ? error.offset : null;
}
