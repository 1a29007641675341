/** What a write that looked first found at its key. */
export interface Previous {
  /** At which it was written. */
  readonly revision: number;
  /** Null: not told. */
  readonly value: string | null;
}

/** What came of looking before writing. */
export interface Look {
  readonly ifAbsent: boolean;
  /** 0: whatever is there. */
  readonly ifRevision: number;
  /** Nothing was changed, because the condition was not met. */
  readonly compareFailed: boolean;
  /** What was there; null: nothing; undefined: not told. */
  readonly previous: Previous | null | undefined;
}

/** One finished or abandoned operation of a client, in global virtual time. */
export interface Observation {
  readonly client: number;
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  /** put: the unique value written; get: the value read, null when absent. */
  readonly value: string | null;
  /**
   * Revision answered; 0 for a get that found nothing. Of a write that looked and changed nothing: the
   * partition's at that point of its log, 0: not told.
   */
  readonly revision: number;
  readonly invokedMs: number;
  readonly returnedMs: number;
  readonly status: 'ok' | 'fail' | 'unknown';
  /** Only of a write that looked first and was answered. */
  readonly look?: Look;
  /** Only of a write that was to look first: its condition. */
  readonly wish?: Pick<Look, 'ifAbsent' | 'ifRevision'>;
}

/** Whether the operation is known to have changed something. */
export function tookEffect({ kind, status, look }: Observation): boolean {
  if (kind === 'get' || status !== 'ok') return false;
  if (look === undefined) return true;
  return !look.compareFailed && !(kind === 'delete' && look.previous === null);
}
