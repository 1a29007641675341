import { MAX_OPERATION_BYTES } from '../format.js';
import { Slot } from '../log/entry-table.js';
import type { LogSet } from '../log/log-set.js';
import type { LogState } from '../log/log-state.js';
import type { EntryLoader } from '../read/entry-loader.js';
import { type Telemetry, WalEvent } from '../telemetry.js';
import type { FrameWriter } from './frame-writer.js';
import type { StreamCursor } from './stream-cursor.js';

/** What a segment may hold and still be emptied by writing it again. */
const REMNANT_BYTES = 64 * 1024;
/** One flush writes so much again at most. A segment with more facts than that waits for its logs. */
const FLUSH_BYTES = 1024 * 1024;

export interface CollectorParts {
  readonly logs: LogSet;
  readonly writer: FrameWriter;
  readonly cursor: StreamCursor;
  readonly loader: EntryLoader;
  readonly telemetry: Telemetry;
  readonly segmentBytes: number;
}

/**
 * Empties the oldest segment when little is left in it: live entries (rewrite), and each log's newest commit
 * hint and prefix, are encoded into the open frame, like any other operation in stream order. Whether an
 * entry is live is decided by the state at that very moment. The segment is dead when that frame is
 * closed, and goes when the frame is durable.
 *
 * Truncations and removals need not be written again: all that they took back stands before them in the
 * stream, so in the same segment or an older one, and older ones are gone by then.
 */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #remnantBytes: number;
  /** A segment with damaged entries cannot be emptied; not tried again until it holds less. */
  #stuckSegment = 0;
  #stuckBytes = 0;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#remnantBytes = Math.min(REMNANT_BYTES, Math.floor(parts.segmentBytes / 8));
  }

  /** Called before frames are written. `roomBytes`: how much may be encoded. */
  collect(roomBytes: number): void {
    const { logs, writer, cursor } = this.#parts;
    let budget = Math.min(FLUSH_BYTES, roomBytes);
    for (;;) {
      const segment = logs.ledger.oldestNeeded();
      if (segment >= cursor.segment) return;
      const bytes = logs.ledger.liveBytes(segment);
      const frameBytes = bytes * 2 + logs.ledger.liveFacts(segment) * MAX_OPERATION_BYTES;
      if (bytes > this.#remnantBytes || frameBytes > budget) return;
      if (segment === this.#stuckSegment && bytes >= this.#stuckBytes) return;
      budget -= frameBytes;
      this.#empty(segment);
      writer.close();
      if (!logs.ledger.isDead(segment)) {
        this.#stuckSegment = segment;
        this.#stuckBytes = logs.ledger.liveBytes(segment);
        return;
      }
    }
  }

  #empty(segment: number): void {
    const { logs, writer, telemetry } = this.#parts;
    const withEntries = logs.ledger.liveEntries(segment) > 0;
    let entries = 0;
    for (const log of logs.all()) {
      if (withEntries) entries += this.#rewriteEntries(log, segment);
      if (log.hintSegment === segment) writer.touch(log);
      if (log.prefixSegment === segment) {
        writer.compactPrefix(log, log.prefixIndex, log.prefixTerm);
      }
    }
    telemetry.logger.debug(WalEvent.SegmentCollected, { segment, entries });
  }

  #rewriteEntries(log: LogState, segment: number): number {
    const { writer, loader } = this.#parts;
    const { table } = log;
    let entries = 0;
    for (let index = table.first; index < table.end; index++) {
      if (table.segment(index) !== segment || table.slot(index) !== Slot.Placed) continue;
      const entry = loader.readOne(log, index);
      if (entry === null) continue;
      writer.rewrite(log, entry);
      entries++;
    }
    return entries;
  }
}
