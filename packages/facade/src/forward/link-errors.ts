import { type CodeName, DougError, toWire, type Error as WireError } from '@dougdb/rpc-proto';

// What a link says of items that no node has answered. Made once: an error object costs more than all else
// that is done for an item.
export const queueIsFull = new DougError('BUSY', 'too much waits for the node of this key', {
  retryAfterMs: 20,
});
export const doesNotFit = new DougError(
  'TOO_LARGE',
  'the items of this message for one node are more than one message to it may hold',
);
export const cancelled = toWire(
  new DougError('ABORTED', 'cancelled before it was sent', { outcome: 'NOT_APPLIED' }),
);
export const expired = toWire(
  new DougError('DEADLINE', 'the time ran out', { outcome: 'NOT_APPLIED' }),
);
export const inDoubt = toWire(
  new DougError('IN_DOUBT', 'the time ran out before the node has answered', {
    outcome: 'UNKNOWN',
  }),
);
const garbledText = 'a node sent an answer that makes no sense';
export const garbledRead = toWire(
  new DougError('INTERNAL', garbledText, { outcome: 'NOT_APPLIED' }),
);
export const garbledWrite = toWire(new DougError('INTERNAL', garbledText, { outcome: 'UNKNOWN' }));

/** Ends of a stream that another attempt would not mend. */
const hopeless: ReadonlySet<CodeName> = new Set([
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
]);

/** The errors for what was on a stream. */
export interface Loss {
  readonly read: WireError;
  readonly write: WireError;
  readonly unsent: WireError;
}

/** What is said of the items of a stream that is over. */
export function lossOf(error: DougError, address: string): Loss {
  const because = `${address}: ${error.message}`;
  const reason = hopeless.has(error.reason) ? error.reason : 'NO_LEADER';
  const certain = toWire(
    new DougError(reason, `not sent, or a read: ${because}`, { outcome: 'NOT_APPLIED' }),
  );
  const write = toWire(
    new DougError('IN_DOUBT', `the stream to the node was lost: ${because}`, {
      outcome: 'UNKNOWN',
    }),
  );
  return { read: certain, write, unsent: certain };
}
