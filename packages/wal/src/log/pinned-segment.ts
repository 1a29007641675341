import type { PinnedSegment, PinningLog } from '../contract.js';
import type { LogSet } from './log-set.js';
import type { LogState } from './log-state.js';

/**
 * Who needs the oldest segment that is not dead; null if it is the newest one too. Looks at every place of
 * every log that has any: for a question that is asked once a segment.
 */
export function oldestPinned(logs: LogSet, segmentBytes: number): PinnedSegment | null {
  const { ledger } = logs;
  const segment = ledger.oldestNeeded();
  if (segment === ledger.first + ledger.count - 1) return null;
  const pinning: PinningLog[] = [];
  for (const log of logs.all()) {
    const part = partIn(log, segment);
    if (part !== null) pinning.push(part);
  }
  pinning.sort((a, b) => b.bytes - a.bytes);
  return { segment, totalBytes: ledger.count * segmentBytes, logs: pinning };
}

function partIn(log: LogState, segment: number): PinningLog | null {
  const { table } = log;
  let [entries, bytes, throughIndex] = [0, 0, 0];
  for (let index = table.first; index < table.end; ) {
    const end = table.runEnd(index);
    if (table.segment(index) === segment) {
      entries += end - index;
      throughIndex = end - 1;
      for (let at = index; at < end; at++) bytes += table.length(at);
    }
    index = end;
  }
  return entries === 0 ? null : { id: log.id, entries, bytes, throughIndex };
}
