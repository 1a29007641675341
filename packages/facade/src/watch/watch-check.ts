import { DougError, type WatchEvent, WatchEventType } from '@dougdb/rpc-proto';
import { compareKeys } from '../key-range.js';
import { clipped, pieceOf } from './watch-pieces.js';
import { comparePositions, isTold, type WatchPiece } from './watch-position.js';

/**
 * Whether news follow on what was told before: each event once and in order, none that was told, and none
 * beyond what the news say to have told. Whoever tells is checked, not trusted: a watch that went wrong
 * is opened again from what is certain.
 * @param partitionId - which the events come from
 * @param before - of the same keys as `after`
 * @throws DougError INTERNAL
 */
export function checkNews(
  partitionId: number | undefined,
  events: readonly WatchEvent[],
  before: readonly WatchPiece[],
  after: readonly WatchPiece[],
): void {
  // INVARIANT(watch-forward): what was told of a key is never taken back, and never told again.
  for (const piece of after) {
    for (const part of clipped(before, piece.start, piece.end)) {
      if (comparePositions(part, piece) > 0) throw wrong('went back');
    }
  }
  let last: { readonly revision: number; readonly key: Uint8Array } | null = null;
  for (const { type, kv } of events) {
    const isKnown =
      type === WatchEventType.WATCH_EVENT_TYPE_PUT ||
      type === WatchEventType.WATCH_EVENT_TYPE_DELETE;
    if (kv === undefined || !isKnown) throw wrong('sent an event of no kind');
    const { revision, key } = kv;
    const now = pieceOf(after, key);
    if (now === undefined || now.partitionId !== partitionId) {
      throw wrong('sent a key that was not asked for');
    }
    const then = pieceOf(before, key);
    if (then === undefined || isTold(then, revision, key)) throw wrong('sent an event twice');
    if (!isTold(now, revision, key)) throw wrong('sent an event beyond its token');
    const isInOrder =
      last === null || last.revision < revision || compareInRevision(last, revision, key) < 0;
    if (!isInOrder) throw wrong('sent events in disorder');
    last = kv;
  }
}

function compareInRevision(
  last: { readonly revision: number; readonly key: Uint8Array },
  revision: number,
  key: Uint8Array,
): number {
  return last.revision === revision ? compareKeys(last.key, key) : 1;
}

function wrong(what: string): DougError {
  return new DougError('INTERNAL', `a watch ${what}`, { outcome: 'NOT_APPLIED' });
}
