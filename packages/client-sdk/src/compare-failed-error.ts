import { DougError } from '@dougdb/rpc-proto';

/** What stood in the way of a write with a condition. */
export interface Current<V = unknown> {
  /** The revision at which the key was last written. */
  readonly revision: number;
  /** Only if the write was called with `returnPrevious`. */
  readonly value?: V;
}

/**
 * The condition of a write was not met (code DOUG_COMPARE_FAILED): nothing has changed. Recognise it with
 * {@link CompareFailedError.is} or by its code.
 */
export class CompareFailedError<V = unknown> extends DougError {
  override readonly name = 'CompareFailedError';
  /**
   * What was there; null: nothing. Undefined: the partition remembers that the condition was not met, and
   * no longer why (the first answer was lost, see `resultKept`).
   */
  readonly current: Current<V> | null | undefined;

  constructor(current: Current<V> | null | undefined, cause?: unknown) {
    const options = cause === undefined ? {} : { cause };
    super('COMPARE_FAILED', `the condition is not met: ${describe(current)}`, options);
    this.current = current;
  }

  /** Whether a value is a CompareFailedError, whichever copy of this package made it. */
  static override is(value: unknown): value is CompareFailedError {
    return DougError.is(value) && value.reason === 'COMPARE_FAILED' && 'current' in value;
  }
}

function describe(current: Current | null | undefined): string {
  if (current === undefined) return 'what was there is no longer known';
  if (current === null) return 'the key is not there';
  return `the key was last written at revision ${current.revision}`;
}
