import type { FileSystem } from '@dougdb/ports';
import type { SegmentLedger } from '../log/segment-ledger.js';
import type { SegmentFiles } from '../read/segment-files.js';
import { type Telemetry, WalEvent } from '../telemetry.js';

export interface ReaperParts {
  readonly fs: FileSystem;
  readonly files: SegmentFiles;
  readonly ledger: SegmentLedger;
  readonly telemetry: Telemetry;
  readonly onFailure: (error: unknown) => void;
  /** A segment's space is free again. */
  readonly onRemoved: () => void;
}

/**
 * Removes dead segments, one at a time, oldest first: the name of one is durably gone before the next one is
 * touched. Out of that order a crash could leave an old segment without the younger one whose operations
 * took its entries back.
 */
export class SegmentReaper {
  readonly #parts: ReaperParts;
  #oldestSegment = 0;
  #isWorking = false;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: ReaperParts) {
    this.#parts = parts;
  }

  /** A durable frame tells that segments below this one are not needed. */
  reap(oldestSegment: number): void {
    if (oldestSegment <= this.#oldestSegment) return;
    this.#oldestSegment = oldestSegment;
    if (this.#closed || this.#isWorking) return;
    this.#isWorking = true;
    this.#work = this.#run();
  }

  /** Stops after the segment at hand. */
  stop(): void {
    this.#closed = true;
  }

  async close(): Promise<void> {
    this.stop();
    while (this.#isWorking) await this.#work;
  }

  async #run(): Promise<void> {
    const { fs, files, ledger, telemetry, onFailure, onRemoved } = this.#parts;
    try {
      while (!this.#closed && ledger.first < this.#oldestSegment) {
        // Damage may have taken the copies of what lives here: then it is needed after all.
        if (!ledger.isDead(ledger.first)) break;
        // INVARIANT(segments-die-in-order): the ledger refuses any but the oldest, and one that lives.
        const segment = ledger.first;
        ledger.removeFirst();
        files.close(segment);
        fs.remove(files.path(segment));
        await fs.syncDir(files.dir);
        telemetry.logger.debug(WalEvent.SegmentRemoved, { segment });
        telemetry.segments.set(ledger.count);
        onRemoved();
      }
    } catch (error) {
      onFailure(error);
    }
    this.#isWorking = false;
  }
}
