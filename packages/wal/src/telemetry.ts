import {
  type Counter,
  type Gauge,
  type Histogram,
  type Logger,
  type Metrics,
  silentLogger,
  silentMetrics,
} from '@dougdb/ports';

/**
 * Names of this package's log events, with their fields. warn: an operator should look; error: the
 * process stops for it.
 */
export const WalEvent = {
  /** info: segments, logs, tornBytes, corruptions. */
  Opened: 'wal.opened',
  /** info: file, offset, bytes, copy. An unpromised tail was copied to quarantine and cut. */
  TailCut: 'wal.tail.cut',
  /** error: file, offset, what. Damage that is not a torn tail. */
  Corrupt: 'wal.corrupt',
  /** error: what, cause. A write or sync failed; nothing is acknowledged any more. */
  Failed: 'wal.failed',
  /** warn: segment. No space to fill the next segment; tried again by itself. */
  NoSpace: 'wal.no-space',
  /** info: segment. The next segment could be filled after all. */
  SpaceAgain: 'wal.space-again',
  /** debug: segment. */
  SegmentOpened: 'wal.segment.opened',
  /** debug: segment. */
  SegmentRemoved: 'wal.segment.removed',
  /** warn: segment, totalBytes, logs. Logs keep the oldest segment though the WAL is large. */
  Pinned: 'wal.pinned',
  /** debug: segment, entries. What was left in a nearly dead segment was written again. */
  SegmentCollected: 'wal.segment.collected',
} as const;

/** Instruments and logger of one WAL. */
export interface Telemetry {
  readonly logger: Logger;
  readonly fsyncSeconds: Histogram;
  readonly bytes: Counter;
  readonly syncs: Counter;
  readonly segments: Gauge;
}

const FSYNC_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2,
];

export function createTelemetry(
  logger: Logger = silentLogger,
  metrics: Metrics = silentMetrics,
): Telemetry {
  return {
    logger,
    fsyncSeconds: metrics.histogram({
      name: 'doug_wal_fsync_seconds',
      help: 'Time of one fdatasync of the write-ahead log, in seconds.',
      buckets: FSYNC_BUCKETS,
    }),
    bytes: metrics.counter({
      name: 'doug_wal_bytes_total',
      help: 'Bytes of frames written to the write-ahead log.',
    }),
    syncs: metrics.counter({
      name: 'doug_wal_syncs_total',
      help: 'Completed fdatasyncs of the write-ahead log.',
    }),
    segments: metrics.gauge({
      name: 'doug_wal_segments',
      help: 'Segment files of the write-ahead log in use, the prefilled one not counted.',
    }),
  };
}
