/** A history that is not what the format says. */
export class HistoryFormatError extends Error {
  override readonly name = 'HistoryFormatError';
  readonly code = 'HISTORY_FORMAT';

  /** @param line - from 1 @param what - what is wrong with it, lower case */
  constructor(
    readonly line: number,
    what: string,
  ) {
    super(`line ${line}: ${what}`);
  }

  /** By its code, not by its class. */
  static is(value: unknown): value is HistoryFormatError {
    return (
      typeof value === 'object' &&
      value !== null &&
      'code' in value &&
      value.code === 'HISTORY_FORMAT'
    );
  }
}
