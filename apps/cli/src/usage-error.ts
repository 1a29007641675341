/** A command line or an input that makes no sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'DOUG_USAGE';
}

/** By its code, not by its class. */
export function isUsageError(value: unknown): value is UsageError {
  return hasCode(value, 'DOUG_USAGE');
}

/** A key that is not there: exit code 3. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
  readonly code = 'DOUG_NOT_FOUND';
}

/** By its code, not by its class. */
export function isNotFoundError(value: unknown): value is NotFoundError {
  return hasCode(value, 'DOUG_NOT_FOUND');
}

function hasCode(value: unknown, code: string): boolean {
  return typeof value === 'object' && value !== null && 'code' in value && value.code === code;
}
