/**
 * A broken invariant: this replica's state can no longer be trusted, or its host broke the contract
 * of {@link Ready}. Stop this one group; the process and its other groups may go on. Remote input
 * never causes it. Recognise it by `code`.
 */
export class RaftInvariantError extends Error {
  override readonly name = 'RaftInvariantError';
  readonly code = 'RAFT_INVARIANT';
  /** Name of the invariant, the one that stands in `INVARIANT(name)` beside the check. */
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

/** A {@link Config} that no replica could run with. Thrown by the constructor of RawNode only. */
export class RaftConfigError extends Error {
  override readonly name = 'RaftConfigError';
  readonly code = 'RAFT_CONFIG';
}
