import { crc32, type FileLock } from '@dougdb/ports';
import {
  type DurableCallback,
  type LogId,
  type LogReader,
  type PinnedSegment,
  type RecoveryReport,
  type ScrubStep,
  type WalEntry,
  WalError,
  WalErrorCode,
  type WalOptions,
  type WalStats,
} from './contract.js';
import { codeOf, toFailure, toWalError } from './failure.js';
import type { LogSet } from './log/log-set.js';
import type { LogState } from './log/log-state.js';
import { LogView } from './log/log-view.js';
import { oldestPinned } from './log/pinned-segment.js';
import { EntryCache } from './read/entry-cache.js';
import { EntryLoader } from './read/entry-loader.js';
import { SegmentFiles } from './read/segment-files.js';
import { lockDir } from './recover/dir-lock.js';
import { type RecoveredWal, recoverWal } from './recover/recover-wal.js';
import { createTelemetry, type Telemetry, WalEvent } from './telemetry.js';
import {
  checkEntries,
  checkEntry,
  checkIndex,
  checkLogId,
  type ResolvedOptions,
  resolveOptions,
  usage,
} from './usage.js';
import { Admission } from './write/admission.js';
import { Collector } from './write/collector.js';
import { DurableWaiters } from './write/durable-waiters.js';
import { Flusher } from './write/flusher.js';
import { FrameQueue } from './write/frame-queue.js';
import { FrameWriter } from './write/frame-writer.js';
import { Scrubber } from './write/scrubber.js';
import { SegmentReaper } from './write/segment-reaper.js';
import { SpareSegment } from './write/spare-segment.js';
import { StreamCursor } from './write/stream-cursor.js';

/**
 * Many Raft logs in one sequence of segment files, made durable by one fdatasync at a time.
 *
 * Every method is synchronous and only queues; {@link sync} tells when what was queued is durable. After
 * a failed write or fsync the WAL has ended: every waiter is told, nothing is acknowledged any more,
 * nothing is tried again, and the host should end the process (S13).
 */
export class Wal {
  readonly #options: ResolvedOptions;
  readonly #telemetry: Telemetry;
  readonly #logs: LogSet;
  readonly #files: SegmentFiles;
  readonly #loader: EntryLoader;
  readonly #queue = new FrameQueue();
  readonly #cursor: StreamCursor;
  readonly #writer: FrameWriter;
  readonly #waiters: DurableWaiters;
  readonly #spare: SpareSegment;
  readonly #reaper: SegmentReaper;
  readonly #collector: Collector;
  readonly #flusher: Flusher;
  readonly #admission: Admission;
  readonly #scrubber: Scrubber;
  /** Why nothing more is taken: failed or closed. */
  #end: WalError | null = null;
  #failed = false;
  #lock: FileLock | null = null;
  #closing: Promise<void> | null = null;

  private constructor(
    options: ResolvedOptions,
    telemetry: Telemetry,
    files: SegmentFiles,
    recovered: RecoveredWal,
    onPinned: (pinned: PinnedSegment) => void,
  ) {
    const { fs, clock, dir, segmentBytes, maxFrameBytes, cacheBytes } = options;
    const { logs, nextSegment, nextSeq, previousSealCrc } = recovered;
    const { ledger } = logs;
    const onFailure = (error: unknown): void => this.#fail(error);
    this.#options = options;
    this.#telemetry = telemetry;
    this.#logs = logs;
    this.#files = files;
    this.#loader = new EntryLoader(files, ({ file, offset, message }) =>
      telemetry.logger.error(WalEvent.Corrupt, { file, offset, what: message }),
    );
    ledger.open(nextSegment);
    const oldest = ledger.oldestNeeded();
    const queue = this.#queue;
    const cache = new EntryCache(cacheBytes);
    this.#waiters = new DurableWaiters(clock);
    this.#cursor = new StreamCursor(nextSegment, nextSeq, oldest, segmentBytes, ledger, queue);
    this.#writer = new FrameWriter(this.#cursor, queue, cache, maxFrameBytes);
    this.#spare = new SpareSegment({ fs, clock, dir, telemetry, onFailure });
    this.#reaper = new SegmentReaper({
      fs,
      files,
      ledger,
      telemetry,
      onFailure,
      onRemoved: () => this.#spare.retryNow(),
    });
    this.#collector = new Collector({
      logs,
      writer: this.#writer,
      cursor: this.#cursor,
      loader: this.#loader,
      telemetry,
      segmentBytes,
      collectAboveBytes: options.collectAboveBytes,
      onPinned: () => clock.defer(() => this.#tellPinned(onPinned)),
    });
    this.#flusher = new Flusher(
      {
        clock,
        walId: recovered.walId,
        segmentBytes,
        files,
        spare: this.#spare,
        cursor: this.#cursor,
        writer: this.#writer,
        queue,
        cache,
        waiters: this.#waiters,
        telemetry,
        beforeFlush: () => {
          const flushBytes = this.#writer.openBytes + queue.bytes;
          this.#collector.collect(flushBytes, this.#admission.roomBytes);
        },
        onOldest: (oldestSegment) => this.#reaper.reap(oldestSegment),
        onFailure,
      },
      { segment: nextSegment, firstSeq: nextSeq, previousSealCrc, capacityBytes: segmentBytes },
    );
    this.#admission = new Admission({
      options,
      spare: this.#spare,
      cursor: this.#cursor,
      writer: this.#writer,
      queue,
      flusher: this.#flusher,
    });
    this.#scrubber = new Scrubber({
      walId: recovered.walId,
      files,
      logs,
      loader: this.#loader,
      writer: this.#writer,
      openSegment: () => this.#flusher.openSegment,
      hasRoom: () => !this.#spare.lacksSpace,
    });
  }

  /**
   * Opens the WAL of a directory, or makes a new one. Cuts a torn tail (after a copy to quarantine) and begins
   * a new segment. With a full disk it opens too, and takes entries when there is space again.
   * @throws WalError WAL_CORRUPT, WAL_NEWER_FORMAT, WAL_NO_SPACE (for the quarantine), WAL_FAILED, WAL_LOCKED,
   * WAL_USAGE
   */
  static async open(options: WalOptions): Promise<{ wal: Wal; report: RecoveryReport }> {
    const resolved = resolveOptions(options);
    const telemetry = createTelemetry(options.logger, options.metrics);
    const { fs, dir } = resolved;
    const files = new SegmentFiles(fs, dir);
    let wal: Wal | null = null;
    let lock: FileLock | null = null;
    try {
      if (resolved.lock === 'take') lock = await lockDir(fs, dir);
      const recovered = await recoverWal(resolved, files, telemetry.logger);
      wal = new Wal(resolved, telemetry, files, recovered, options.onPinned ?? (() => {}));
      await wal.#begin(recovered);
      wal.#lock = lock;
      return { wal, report: recovered.report };
    } catch (error) {
      if (wal !== null) await wal.#release();
      files.closeAll();
      await lock?.release();
      throw toWalError(error, `cannot open the write-ahead log in ${dir}`);
    }
  }

  /** Logs that have anything in the WAL, ascending. */
  logIds(): LogId[] {
    return this.#logs.ids();
  }

  /** The reader of a log; an unknown id gives an empty log that starts at index 1. */
  log(id: LogId): LogReader {
    return new LogView(this.#logs.get(checkLogId(id)), this.#loader);
  }

  /**
   * Queues entries (contiguous indexes; the first one at most lastIndex + 1: it replaces everything
   * at and above itself) and the log's commit hint (S2; 0 = none). Visible to readers at once,
   * durable when a later sync() calls back. The data is copied before the call returns.
   * @throws WalError WAL_USAGE on a gap, WAL_FAILED or WAL_CLOSED after the end, WAL_NO_SPACE, WAL_BUSY
   */
  append(id: LogId, entries: readonly WalEntry[], commitHint: number): void {
    const log = this.#open(id);
    checkIndex('commit hint', commitHint);
    checkEntries(log, entries);
    this.#admission.checkEntries(entries);
    let last = 0;
    for (const entry of entries) {
      // INVARIANT(conf-durably-committed): a frame that ends inside this append carries the hint too, as far
      // as its entries reach.
      if (last > 0 && this.#writer.isFullFor(entry.data.length)) {
        log.raiseHint(Math.min(commitHint, last));
      }
      this.#writer.append(log, entry);
      last = entry.index;
    }
    if (log.raiseHint(commitHint)) this.#writer.touch(log);
    this.#queued();
  }

  /**
   * Puts entries that are damaged here back in their places, with bytes that another member of a replicated
   * log has kept (S11). Each stands alone; an entry is taken if its place is faulty and nothing that is known
   * of it (term, type, size, checksum; of a lost one the neighbours' terms) says otherwise. Nothing else
   * of the log changes. Queued like entries: repaired for readers at once, for good when a later sync() calls
   * back.
   * @returns how many were taken: one that is not is whole here, belongs elsewhere, or is damaged itself
   * @throws WalError WAL_USAGE, WAL_FAILED, WAL_CLOSED, WAL_NO_SPACE, WAL_BUSY
   */
  rewrite(id: LogId, entries: readonly WalEntry[]): number {
    const log = this.#open(id);
    for (const entry of entries) {
      checkIndex('index', entry.index);
      checkEntry(entry);
    }
    this.#admission.checkEntries(entries);
    let taken = 0;
    for (const entry of entries) {
      // INVARIANT(rewrite-keeps-tail): only a faulty place inside the log is filled.
      if (!log.lacks(entry) || crc32(entry.data) !== entry.checksum) continue;
      this.#writer.rewrite(log, entry);
      taken++;
    }
    if (taken > 0) this.#queued();
    return taken;
  }

  /**
   * Looks for rot in sealed segments, from the oldest one on: reads at least one frame and then on up to
   * `maxBytes`, synchronously, and goes on there with the next call. Damaged entries become faulty, for
   * {@link rewrite}; those that are whole in a frame which the next start could not read are written
   * again, as far as there is space. The host sets the pace, and repeats it every few weeks.
   * @throws WalError WAL_FAILED, WAL_CLOSED
   */
  scrub(maxBytes: number): ScrubStep {
    if (this.#end !== null) throw this.#end;
    const step = this.#scrubber.step(Math.max(1, maxBytes));
    for (const { file, offset, what } of step.corruptions) {
      this.#telemetry.logger.error(WalEvent.Corrupt, { file, offset, what });
    }
    if (!this.#writer.isEmpty) this.#queued();
    return step;
  }

  /**
   * The host knows of the frames that were lost with their directories (RecoveryReport.lostFrames), and
   * will after a restart: until this call the segments that they were in stay, so that each open tells of them.
   */
  acceptLoss(): void {
    this.#logs.ledger.forgetLosses();
  }

  /** The oldest segment and the logs that need it; null if only one segment is in use. */
  pinned(): PinnedSegment | null {
    return oldestPinned(this.#logs, this.#options.segmentBytes);
  }

  /**
   * Everything up to and with `index` (of `term`) is no longer needed: the log begins at index + 1,
   * and term(index) stays known. With an index beyond the log, or of another term than its entry there,
   * the log is emptied and starts there (snapshot, S2; Raft figure 13). Queued like entries; needs no
   * sync of its own. An index below the log's beginning changes nothing.
   * @throws WalError WAL_USAGE, WAL_FAILED, WAL_CLOSED, WAL_NO_SPACE
   */
  compactPrefix(id: LogId, index: number, term: number): void {
    const log = this.#open(id);
    checkIndex('index', index);
    checkIndex('term', term);
    if (index <= log.prefixIndex) return;
    this.#admission.checkFact();
    if (index < log.lastIndex && log.contradicts(index, term)) {
      this.#writer.truncateSuffix(log, index + 1);
    }
    this.#writer.compactPrefix(log, index, term);
    this.#queued();
  }

  /**
   * Drops entries at and above `index`. Queued like entries. An index above the log changes nothing.
   * @throws WalError WAL_USAGE below the log's first index, WAL_FAILED, WAL_CLOSED, WAL_NO_SPACE
   */
  truncateSuffix(id: LogId, index: number): void {
    const log = this.#open(id);
    checkIndex('index', index);
    if (index < log.firstIndex) {
      throw usage(`log ${id} begins at ${log.firstIndex}: it cannot be cut at ${index}`);
    }
    if (index > log.lastIndex) return;
    this.#admission.checkFact();
    this.#writer.truncateSuffix(log, index);
    this.#queued();
  }

  /**
   * Forgets the log whole, its hint too. Queued like entries.
   * @throws WalError WAL_USAGE, WAL_FAILED, WAL_CLOSED, WAL_NO_SPACE
   */
  removeLog(id: LogId): void {
    const log = this.#open(id);
    if (log.isVoid) return;
    this.#admission.checkFact();
    this.#writer.removeLog(log);
    this.#queued();
  }

  /**
   * Calls back when all that was queued before this call is durable. Calls that meet while an
   * fdatasync runs share the next one (group commit); callbacks come in the order of the calls, never
   * inside this one. After the end of the WAL the callback gets the error.
   */
  sync(onDurable: DurableCallback): void {
    const end = this.#end;
    if (end !== null) {
      this.#options.clock.defer(() => onDurable(end));
      return;
    }
    this.#waiters.add(this.#cursor.ordinal + (this.#writer.isEmpty ? 0 : 1), onDurable);
    this.#flusher.schedule();
  }

  /**
   * Syncs what is queued, seals the segment, closes the files. Entries can no longer be read then.
   * @throws WalError if that failed; what waited was told as well. After an earlier failure it resolves.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  stats(): WalStats {
    const { bytes, syncs } = this.#flusher;
    return {
      segments: this.#logs.ledger.count,
      bytes,
      syncs,
      queuedBytes: this.#admission.queuedBytes,
    };
  }

  async #begin(recovered: RecoveredWal): Promise<void> {
    const { segmentBytes } = this.#options;
    const { spare, nextSegment, report, durableOldest } = recovered;
    if (spare === null) this.#spare.prepare(nextSegment, segmentBytes);
    else this.#spare.adopt(nextSegment, spare, segmentBytes);
    await this.#spare.settled();
    // With a full disk the first frame waits for the space instead.
    if (!this.#spare.lacksSpace && !this.#failed) await this.#flusher.begin();
    if (this.#end !== null) throw this.#end;
    this.#reaper.reap(durableOldest);
    const segments = this.#logs.ledger.count;
    this.#telemetry.segments.set(segments);
    this.#telemetry.logger.info(WalEvent.Opened, {
      segments,
      logs: report.logs.length,
      tornBytes: report.tornBytes,
      corruptions: report.corruptions.length,
    });
  }

  async #close(): Promise<void> {
    const failedBefore = this.#failed;
    this.#end ??= new WalError(WalErrorCode.Closed, 'the write-ahead log is closed');
    this.#spare.giveUpOnSpace();
    try {
      await this.#flusher.finish();
    } catch (error) {
      this.#fail(error);
    }
    await this.#release();
    this.#files.closeAll();
    await this.#lock?.release();
    if (this.#failed && !failedBefore) throw this.#end;
  }

  async #release(): Promise<void> {
    this.#flusher.stop();
    await this.#spare.close();
    await this.#reaper.close();
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const noSpace = codeOf(error) === WalErrorCode.NoSpace;
    // Out of space at close: nothing is wrong with the disk, but what waited is not durable.
    this.#end = noSpace
      ? toWalError(error, 'no space')
      : toFailure(error, 'a write or fsync of the write-ahead log failed');
    this.#flusher.stop();
    this.#spare.stop();
    this.#reaper.stop();
    this.#telemetry.logger.error(WalEvent.Failed, {
      what: this.#end.message,
      cause: codeOf(error),
    });
    this.#waiters.fail(this.#end);
  }

  /** The log, if the WAL takes operations. */
  #open(id: LogId): LogState {
    if (this.#end !== null) throw this.#end;
    return this.#logs.get(checkLogId(id));
  }

  #queued(): void {
    if (this.#queue.peek() === undefined) this.#flusher.noteQueued();
    else this.#flusher.schedule();
  }

  #tellPinned(onPinned: (pinned: PinnedSegment) => void): void {
    const pinned = this.#end === null ? this.pinned() : null;
    if (pinned === null || pinned.logs.length === 0) return;
    const { segment, totalBytes, logs } = pinned;
    this.#telemetry.logger.warn(WalEvent.Pinned, { segment, totalBytes, logs: logs.length });
    onPinned(pinned);
  }
}
