/** Why a replica refuses to start or stops. */
export const ReplicaErrorCode = {
  /** The stored hard state is unreadable, missing beside a log, or older than the log (S1). */
  HardState: 'REPLICA_HARD_STATE',
  /** The log lost entries that were promised: a commit hint or the frontier lies beyond it (S2). */
  LogLost: 'REPLICA_LOG_LOST',
  /** The state record is unreadable, another partition's, or missing beside a log. */
  StateCorrupt: 'REPLICA_STATE_CORRUPT',
  /** An entry of a format or kind, or with a command, that this version does not know. */
  EntryFormat: 'REPLICA_ENTRY_FORMAT',
  /** The bytes of an entry do not have its checksum. */
  EntryDamaged: 'REPLICA_ENTRY_DAMAGED',
  /** Bytes of a peer that are no message: nothing of them was taken. */
  BadMessage: 'REPLICA_BAD_MESSAGE',
  /** A broken rule of this package; `invariant` names it. */
  Invariant: 'REPLICA_INVARIANT',
} as const;
export type ReplicaErrorCode = (typeof ReplicaErrorCode)[keyof typeof ReplicaErrorCode];

/** The error of this package. Branch on `code`, never on the class. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError';
  readonly code: ReplicaErrorCode;
  /** The name that stands beside the check; null for other codes. */
  readonly invariant: string | null;

  constructor(
    code: ReplicaErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly invariant?: string } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.invariant = options.invariant ?? null;
  }
}

/** Throws unless the condition holds. Message and name are for a person who reads the log. */
export function broken(invariant: string, message: string): never {
  throw new ReplicaError(ReplicaErrorCode.Invariant, `${invariant}: ${message}`, { invariant });
}
