import type { Counter, Histogram, Metrics } from '@dougdb/ports';
import { silentMetrics } from '@dougdb/ports';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Metrics of all databases of a process together. There are no gauges here: many databases share the
 * names; whoever owns them adds up {@link import('./db.js').Db.stats}.
 */
export interface Telemetry {
  readonly flushes: Counter;
  readonly flushedBytes: Counter;
  readonly flushSeconds: Histogram;
  readonly compactions: Counter;
  readonly compactionReadBytes: Counter;
  readonly compactionWrittenBytes: Counter;
  readonly compactionSeconds: Histogram;
  readonly sliceSeconds: Histogram;
  readonly manifestRotations: Counter;
  readonly removedFiles: Counter;
  readonly backgroundErrors: Counter;
  readonly checkedBytes: Counter;
  readonly damagedTables: Counter;
}

export function createTelemetry(metrics: Metrics = silentMetrics): Telemetry {
  const counter = (name: string, help: string, labels: readonly string[] = []): Counter =>
    metrics.counter({ name, help, labels });
  const seconds = (name: string, help: string): Histogram =>
    metrics.histogram({ name, help, buckets: SECONDS });
  return {
    flushes: counter('doug_sst_flushes_total', 'Frozen memtables installed, empty ones included.'),
    flushedBytes: counter('doug_sst_flushed_bytes_total', 'Bytes of tables written by flushes.'),
    flushSeconds: seconds('doug_sst_flush_seconds', 'From the start of a flush to its install.'),
    compactions: counter('doug_sst_compactions_total', 'Compactions installed, moves included.'),
    compactionReadBytes: counter(
      'doug_sst_compaction_read_bytes_total',
      'Bytes of tables that compactions merged.',
    ),
    compactionWrittenBytes: counter(
      'doug_sst_compaction_written_bytes_total',
      'Bytes of tables that compactions wrote.',
    ),
    compactionSeconds: seconds(
      'doug_sst_compaction_seconds',
      'From the start of a compaction to its install.',
    ),
    sliceSeconds: seconds(
      'doug_sst_slice_seconds',
      'How long a slice of flush or compaction held the loop.',
    ),
    manifestRotations: counter('doug_sst_manifest_rotations_total', 'New manifests made.'),
    removedFiles: counter('doug_sst_removed_files_total', 'Tables removed as obsolete.'),
    backgroundErrors: counter(
      'doug_sst_background_errors_total',
      'Errors of flush and compaction by severity.',
      ['severity'],
    ),
    checkedBytes: counter('doug_sst_checked_bytes_total', 'Bytes of tables that were checked.'),
    damagedTables: counter('doug_sst_damaged_tables_total', 'Tables that failed a check.'),
  };
}

/** Names of log events. */
export const LogEvent = {
  Opened: 'sst.opened',
  FlushInstalled: 'sst.flush.installed',
  CompactionInstalled: 'sst.compaction.installed',
  ManifestTorn: 'sst.manifest.torn',
  BackgroundError: 'sst.background_error',
  FileRemoved: 'sst.file.removed',
  FileRemoveFailed: 'sst.file.remove_failed',
  ThreadsUnusable: 'sst.threads.unusable',
  TableDamaged: 'sst.table.damaged',
  Quarantined: 'sst.table.quarantined',
  ScrubFailed: 'sst.scrub.failed',
  ListenerFailed: 'sst.listener.failed',
  SnapshotLeaked: 'sst.snapshot.leaked',
  CheckpointMade: 'sst.checkpoint.made',
  LogTorn: 'sst.log.torn',
} as const;
