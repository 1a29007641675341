import type {
  DurableCallback,
  LogId,
  LogReader,
  RecoveryReport,
  WalEntry,
  WalOptions,
} from './contract.js';

/**
 * Many Raft logs in one sequence of segment files, made durable by one fdatasync at a time.
 */
export class Wal {
  static open(_options: WalOptions): Promise<{ wal: Wal; report: RecoveryReport }> {
    throw new Error('being written');
  }

  /** Logs that have anything in the WAL. */
  logIds(): LogId[] {
    throw new Error('being written');
  }

  /** The reader of a log; an unknown id gives an empty log that starts at index 1. */
  log(_id: LogId): LogReader {
    throw new Error('being written');
  }

  /**
   * Queues entries (contiguous indexes; the first one at most lastIndex + 1: it replaces everything
   * at and above itself) and the log's commit hint (S2; 0 = none). Visible to readers at once,
   * durable when a later sync() calls back. The data is copied before the call returns.
   * @throws WalError WAL_USAGE on a gap, WAL_FAILED or WAL_CLOSED after the end, WAL_NO_SPACE
   */
  append(_id: LogId, _entries: readonly WalEntry[], _commitHint: number): void {
    throw new Error('being written');
  }

  /**
   * Everything up to and with `index` (of `term`) is no longer needed: the log begins at index + 1,
   * and term(index) stays known. With an index beyond the log the log is emptied and starts there
   * (snapshot, S2). Queued like entries; needs no sync of its own.
   */
  compactPrefix(_id: LogId, _index: number, _term: number): void {
    throw new Error('being written');
  }

  /** Drops entries at and above `index`. Queued like entries. */
  truncateSuffix(_id: LogId, _index: number): void {
    throw new Error('being written');
  }

  /** Forgets the log whole. Queued like entries. */
  removeLog(_id: LogId): void {
    throw new Error('being written');
  }

  /**
   * Calls back when all that was queued before this call is durable. Calls that meet while an
   * fdatasync runs share the next one (group commit); callbacks come in the order of the calls.
   */
  sync(_onDurable: DurableCallback): void {
    throw new Error('being written');
  }

  /** Syncs what is queued, seals the segment, closes the files. */
  close(): Promise<void> {
    throw new Error('being written');
  }

  stats(): WalStats {
    throw new Error('being written');
  }
}

export interface WalStats {
  readonly segments: number;
  readonly bytes: number;
  readonly syncs: number;
  readonly queuedBytes: number;
}
