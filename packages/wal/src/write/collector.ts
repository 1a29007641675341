import { MAX_OPERATION_BYTES } from '../format.js';
import { Slot } from '../log/entry-runs.js';
import type { LogSet } from '../log/log-set.js';
import type { LogState } from '../log/log-state.js';
import type { EntryLoader } from '../read/entry-loader.js';
import { type Telemetry, WalEvent } from '../telemetry.js';
import type { FrameWriter } from './frame-writer.js';
import type { StreamCursor } from './stream-cursor.js';

/** What a segment may hold and still be emptied by writing it again: little work for much space. */
const REMNANT_BYTES = 64 * 1024;
/** Where the WAL has become large, so much of a segment: each byte written again frees three. */
const FORCED_SHARE = 0.25;
/** One flush writes so much again at most, for the loop's sake; the rest follows with the next ones. */
const FLUSH_BYTES = 256 * 1024;

export interface CollectorParts {
  readonly logs: LogSet;
  readonly writer: FrameWriter;
  readonly cursor: StreamCursor;
  readonly loader: EntryLoader;
  readonly telemetry: Telemetry;
  readonly segmentBytes: number;
  readonly collectAboveBytes: number;
  /** Logs need too much of the oldest segment for it to be emptied, and the WAL is large. */
  readonly onPinned: () => void;
}

/**
 * Empties the oldest segment when little is left in it: live entries (rewrite), and each log's newest commit
 * hint and prefix, are encoded into the open frame, like any other operation in stream order. Whether an
 * entry is live is decided by the state at that very moment. The segment is dead when the last of these
 * frames is closed, and goes when that frame is durable.
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
  /** The newest segment when pinning was last told. */
  #toldAt = 0;
  /** Of a large remnant no more is written again than others write meanwhile. */
  #credit = 0;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#remnantBytes = Math.min(REMNANT_BYTES, Math.floor(parts.segmentBytes / 8));
  }

  /** Called before `flushBytes` of frames are written. `roomBytes`: how much more may be encoded. */
  collect(flushBytes: number, roomBytes: number): void {
    const { logs, writer, cursor } = this.#parts;
    this.#credit = Math.min(this.#credit + flushBytes, FLUSH_BYTES);
    let budget = FLUSH_BYTES;
    let room = roomBytes;
    while (budget > 0) {
      const segment = logs.ledger.oldestNeeded();
      if (segment >= cursor.segment) return;
      const bytes = logs.ledger.liveBytes(segment);
      const isStuck = segment === this.#stuckSegment && bytes >= this.#stuckBytes;
      if (isStuck || bytes > this.#limitBytes()) {
        this.#notePinned();
        return;
      }
      // What is begun where space is short must find its place too.
      const needed = bytes * 2 + logs.ledger.liveFacts(segment) * MAX_OPERATION_BYTES;
      if (needed > room) return;
      room -= needed;
      const isForced = bytes > this.#remnantBytes;
      if (isForced) budget = Math.min(budget, this.#credit);
      if (budget <= 0) return;
      const left = this.#empty(segment, budget);
      if (isForced) this.#credit -= budget - left;
      budget = left;
      writer.close();
      if (logs.ledger.isDead(segment)) continue;
      // Damage, and not the end of the budget, is why it lives.
      if (budget > 0) {
        this.#stuckSegment = segment;
        this.#stuckBytes = logs.ledger.liveBytes(segment);
      }
      return;
    }
  }

  /** What the oldest segment may hold to be emptied now. */
  #limitBytes(): number {
    if (!this.#isLarge()) return this.#remnantBytes;
    return Math.max(this.#remnantBytes, Math.floor(this.#parts.segmentBytes * FORCED_SHARE));
  }

  #isLarge(): boolean {
    const { logs, segmentBytes, collectAboveBytes } = this.#parts;
    return logs.ledger.count * segmentBytes > collectAboveBytes;
  }

  #notePinned(): void {
    const { cursor, onPinned } = this.#parts;
    if (!this.#isLarge() || this.#toldAt === cursor.segment) return;
    this.#toldAt = cursor.segment;
    onPinned();
  }

  /** Answers what is left of the budget; 0 or less: it may have ended before the segment did. */
  #empty(segment: number, budget: number): number {
    const { logs, writer, telemetry } = this.#parts;
    const { ledger } = logs;
    const count = ledger.liveEntries(segment);
    let left = budget;
    for (const log of logs.all()) {
      if (left <= 0) break;
      if (count > 0) left = this.#rewriteEntries(log, segment, left);
      if (log.hintSegment === segment) {
        writer.touch(log);
        left -= MAX_OPERATION_BYTES;
      }
      if (log.prefixSegment === segment) {
        writer.compactPrefix(log, log.prefixIndex, log.prefixTerm);
        left -= MAX_OPERATION_BYTES;
      }
    }
    const entries = count - ledger.liveEntries(segment);
    telemetry.logger.debug(WalEvent.SegmentCollected, { segment, entries });
    return left;
  }

  #rewriteEntries(log: LogState, segment: number, budget: number): number {
    const { writer, loader } = this.#parts;
    const { table } = log;
    let left = budget;
    for (let index = table.first; index < table.end && left > 0; index++) {
      if (table.segment(index) !== segment || table.slot(index) !== Slot.Placed) {
        index = table.runEnd(index) - 1;
        continue;
      }
      const entry = loader.readOne(log, index);
      if (entry === null) continue;
      writer.rewrite(log, entry);
      left -= entry.data.length + 2 * MAX_OPERATION_BYTES;
    }
    return left;
  }
}
