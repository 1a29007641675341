import type { PinnedSegment } from '@dougdb/wal';

/**
 * Brings what the WAL says of logs that keep its oldest segment to the replicas, which are opened after it. What it
 * says before is not kept: it says it again with the next segment.
 */
export class PinnedLogs {
  #listener: ((pinned: PinnedSegment) => void) | null = null;

  listen(listener: (pinned: PinnedSegment) => void): void {
    this.#listener = listener;
  }

  tell(pinned: PinnedSegment): void {
    this.#listener?.(pinned);
  }
}
