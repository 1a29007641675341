import type { Clock, Timer } from '@dougdb/ports';
import type { WriteBatch } from '../batch/write-batch.js';
import type { SstError } from '../contract.js';
import type { LogWriter } from './log-writer.js';
import { LoggedWrite } from './logged-write.js';

/** How often a stall is looked at. A budget may be shared, so the end of a stall is nobody's event. */
const STALL_LOOK_MS = 5;

/** Writes go into the log together up to this size, or up to a full memtable. */
const GROUP_BYTES = 64 * 1024;

/** What has become of a write when its promise resolves. */
export type Durability = 'written' | 'synced';

interface WaitingWrite {
  readonly write: LoggedWrite;
  readonly durability: Durability;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes in the order of the calls. Those of one turn of the loop go into the log in one write; those that
 * want a sync and meet share one, and while it is under way the next ones gather. That is what makes many
 * small writes at a time cheap (bench/durable.mjs): a write costs a record and a promise, and no system call.
 *
 * While flushes and compactions are behind there is a pause behind each group, longer and longer, and at last
 * writes wait.
 */
export class WriteQueue {
  readonly #writer: LogWriter;
  readonly #clock: Clock;
  #waiting: WaitingWrite[] = [];
  /** Written, and waiting for a sync. */
  readonly #unsynced: WaitingWrite[] = [];
  #isSyncing = false;
  #isWakeComing = false;
  #timer: Timer | null = null;
  /** Runs while there is a pause. */
  #pause: Timer | null = null;
  #isClosing = false;

  constructor(writer: LogWriter, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
  }

  /** Writes that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Copies the batch. Resolves when it is written, or synced. @throws what LogWriter does, as a rejection */
  write(batch: WriteBatch, durability: Durability): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write: new LoggedWrite(batch), durability, resolve, reject });
      this.#wakeLater();
    });
  }

  /**
   * Writes what can be written now, makes all of it durable, and rejects the rest.
   * @throws as LogWriter.syncForClose
   */
  async close(error: SstError): Promise<void> {
    this.#isClosing = true;
    this.#endPause();
    await this.#writer.idle();
    this.#pump();
    this.#timer?.cancel();
    this.#timer = null;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    await this.#writer.idle();
    // A sync that is under way may wait for space: it ends with the tables.
    await settle(this.#unsynced.splice(0), this.#writer.syncForClose());
  }

  get #canWrite(): boolean {
    return this.#pause === null && !this.#writer.isBusy && !this.#isStalled;
  }

  get #isStalled(): boolean {
    return this.#writer.pressure.state === 'stalled';
  }

  /** Sees to it that what waits is written: the end of a pause does. */
  #wakeLater(): void {
    if (this.#isWakeComing || this.#waiting.length === 0 || this.#pause !== null) return;
    this.#isWakeComing = true;
    const wake = (): void => {
      this.#isWakeComing = false;
      this.#timer = null;
      this.#rejectIfEnded();
      this.#pump();
    };
    if (this.#writer.isBusy) void this.#writer.idle().then(wake);
    else if (this.#isStalled) this.#timer = this.#clock.setTimer(STALL_LOOK_MS, wake);
    else queueMicrotask(wake);
  }

  /** Nothing is written any more: nobody should wait for it. */
  #rejectIfEnded(): void {
    try {
      this.#writer.check();
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  #pump(): void {
    let done = 0;
    while (done < this.#waiting.length && this.#canWrite) {
      done += this.#writeGroup(done);
      this.#pauseIfSlow();
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done);
    this.#syncSoon();
    this.#wakeLater();
  }

  #pauseIfSlow(): void {
    const { state, delayMs } = this.#writer.pressure;
    if (state !== 'slow' || this.#isClosing) return;
    this.#pause = this.#clock.setTimer(delayMs, () => {
      this.#pause = null;
      this.#rejectIfEnded();
      this.#pump();
    });
  }

  #endPause(): void {
    this.#pause?.cancel();
    this.#pause = null;
  }

  /** Writes some of those that wait, from one on. Answers how many. */
  #writeGroup(from: number): number {
    const group = this.#nextGroup(from);
    try {
      this.#writer.write(group.map(({ write }) => this.#writer.resolve(write)));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return group.length;
    }
    for (const waiting of group) {
      if (waiting.durability === 'synced') this.#unsynced.push(waiting);
      else waiting.resolve();
    }
    return group.length;
  }

  /** A batch with ranges is alone in its group: they are looked for in what was written before. */
  #nextGroup(from: number): readonly WaitingWrite[] {
    const limit = Math.min(GROUP_BYTES, this.#writer.roomBytes);
    let bytes = 0;
    let end = from;
    do {
      const { record, hasRanges } = this.#waiting[end]!.write;
      bytes += record.length;
      if (end > from && (bytes > limit || hasRanges)) break;
      end++;
      if (hasRanges) break;
    } while (end < this.#waiting.length);
    return this.#waiting.slice(from, end);
  }

  #syncSoon(): void {
    if (this.#isSyncing || this.#unsynced.length === 0) return;
    this.#isSyncing = true;
    const again = (): void => {
      this.#isSyncing = false;
      this.#syncSoon();
    };
    // Whoever waits is told; what the failure means for the writes to come the writer knows.
    void settle(this.#unsynced.splice(0), this.#writer.sync()).then(again, again);
  }
}

/** Tells writes how their sync ends. @throws what the sync does */
async function settle(writes: readonly WaitingWrite[], sync: Promise<void>): Promise<void> {
  try {
    await sync;
  } catch (error) {
    for (const { reject } of writes) reject(error);
    throw error;
  }
  for (const { resolve } of writes) resolve();
}
