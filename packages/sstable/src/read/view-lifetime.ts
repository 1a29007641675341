import { SstError, SstErrorCode } from '../contract.js';

/** What an iterator is tied to. */
export interface ViewLifetime {
  /** True when the database was closed under the iterator. */
  readonly isClosed: boolean;
  /** Called once by close(). */
  release(): void;
}

/** @throws SstError SST_CLOSED for an iterator in this state */
export function checkOpen(state: string, lifetime: ViewLifetime): void {
  if (state !== 'closed' && !lifetime.isClosed) return;
  throw new SstError(SstErrorCode.Closed, 'the iterator or its database is closed');
}
