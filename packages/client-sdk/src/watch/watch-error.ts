import { DougError } from '@dougdb/rpc-proto';

/**
 * A watch has ended: by its signal (DOUG_ABORTED), with its client (DOUG_CLOSED), or because it cannot go
 * on. DOUG_COMPACTED: what it was to go on from is no longer remembered.
 */
export class WatchError extends DougError {
  override readonly name = 'WatchError';
  /** What a later watch goes on by, behind all that was taken; undefined: it had not begun. */
  readonly token: string | undefined;

  constructor(error: DougError, token: string | undefined) {
    super(error.reason, error.message, { outcome: 'NOT_APPLIED', cause: error.cause });
    this.token = token;
  }
}
