/**
 * A broken internal invariant: this replica's state can no longer be trusted. Stop this one group;
 * the process and its other groups may go on. Recognise it by `code`.
 */
export class RaftInvariantError extends Error {
  override readonly name = 'RaftInvariantError';
  readonly code = 'RAFT_INVARIANT';
  /** Name of the invariant, as in `INVARIANT(name)`. */
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}
