import type { PressureState } from './engine/write-pressure.js';
import type { CompactionReason } from './jobs/compaction-pick.js';

export interface FlushEvent {
  /** null: a freeze without writes. */
  readonly table: number | null;
  readonly sizeBytes: number;
  readonly lastSequence: number;
  readonly durationMs: number;
}

export interface CompactionEvent {
  readonly reason: CompactionReason;
  readonly level: number;
  readonly outputLevel: number;
  /** Tables that it took away, and that it added. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** 0 and 0 where tables only changed their level. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly durationMs: number;
}

/**
 * What happens in the background of a database, as it happens. Called synchronously, from the middle of other
 * work: a listener should be short. What it throws is logged.
 */
export interface DbEvents {
  /** In order of the freezes. */
  flushInstalled?(event: FlushEvent): void;
  compactionInstalled?(event: CompactionEvent): void;
  /** No reader uses the table any more, and its file was removed. */
  tableRemoved?(table: number): void;
  /** Looked at when flushes, compactions and freezes end or begin. */
  pressureChanged?(state: PressureState): void;
}
