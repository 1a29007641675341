import type { Clock, File, FileSystem, Timer } from '@dougdb/ports';
import { WalError, WalErrorCode } from '../contract.js';
import { isNoSpace } from '../failure.js';
import { joinPath, segmentName, unfinishedName } from '../segment-name.js';
import { type Telemetry, WalEvent } from '../telemetry.js';

const CHUNK_BYTES = 1024 * 1024;
/** Synced in portions, so that the log's own datasync never waits for a whole segment of zeros. */
const SYNC_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 1000;
const NO_ZEROS = new Uint8Array(0);

export interface SpareParts {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly dir: string;
  readonly telemetry: Telemetry;
  /** A write or sync failed otherwise than for lack of space: the end of the WAL. */
  readonly onFailure: (error: unknown) => void;
}

interface Taker {
  readonly resolve: (file: File) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The segment after the one in use. It is filled with zeros in the background, synced, renamed to its name
 * and the name synced, all before anyone takes it: so a rotation does not wait, and a frame that was
 * given a place in it has its space. If the disk is full the unfinished file is removed and made again
 * later.
 */
export class SpareSegment {
  readonly #parts: SpareParts;
  #segment = 0;
  #wantedBytes = 0;
  /** Kept only while a file is being filled. */
  #zeros = NO_ZEROS;
  #file: File | null = null;
  #sizeBytes = 0;
  #named = false;
  #ready = false;
  #lacksSpace = false;
  #isWorking = false;
  #work: Promise<void> = Promise.resolve();
  #taker: Taker | null = null;
  #retry: Timer | null = null;
  #impatient = false;
  #closed = false;

  constructor(parts: SpareParts) {
    this.#parts = parts;
  }

  /** True from a failed attempt for lack of space until one succeeds. */
  get lacksSpace(): boolean {
    return this.#lacksSpace;
  }

  /** Uses a file from before the start, open for writing, filled, with a durable name. */
  adopt(segment: number, file: File, sizeBytes: number): void {
    this.#segment = segment;
    this.#wantedBytes = sizeBytes;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#named = true;
    this.#ready = true;
  }

  /** Begins to make this segment, or to make it larger. */
  prepare(segment: number, wantedBytes: number): void {
    if (this.#closed) return;
    if (segment === this.#segment && wantedBytes <= this.#wantedBytes) return;
    this.#segment = segment;
    this.#wantedBytes = wantedBytes;
    this.#ready = false;
    if (this.#retry === null) this.#start();
  }

  /** Resolves with the file, at least so large, as soon as it is ready; it is the caller's then. */
  take(segment: number, wantedBytes: number): Promise<File> {
    this.prepare(segment, wantedBytes);
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
      if (this.#closed || (this.#impatient && this.#lacksSpace)) this.#refuse();
      else this.#deliver();
    });
  }

  /** From now on a lack of space is told to the taker (WAL_NO_SPACE) instead of waiting it out. */
  giveUpOnSpace(): void {
    this.#impatient = true;
    if (this.#lacksSpace) this.#refuse();
  }

  /** Resolves when the attempt under way has ended, well or not. */
  async settled(): Promise<void> {
    while (this.#isWorking) await this.#work;
  }

  /** Space may have become free. */
  retryNow(): void {
    if (this.#retry === null) return;
    this.#retry.cancel();
    this.#retry = null;
    this.#start();
  }

  /** Stops after the operation at hand. A taker is told WAL_NO_SPACE. */
  stop(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#retry = null;
    this.#refuse();
  }

  /** Stops and closes. A finished file is left for the next start. */
  async close(): Promise<void> {
    this.stop();
    await this.settled();
    this.#file?.close();
    this.#file = null;
  }

  #start(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work = this.#run();
  }

  async #run(): Promise<void> {
    try {
      // More may be wanted while it is being made.
      while (!this.#closed && !this.#ready) {
        if (this.#sizeBytes < this.#wantedBytes) await this.#grow();
        else await this.#finish();
      }
      this.#zeros = NO_ZEROS;
      if (this.#closed) this.#discardUnfinished();
    } catch (error) {
      this.#fail(error);
    }
    this.#isWorking = false;
    if (this.#ready) this.#deliver();
  }

  async #grow(): Promise<void> {
    const { fs, dir } = this.#parts;
    if (this.#file === null) {
      const path = joinPath(dir, unfinishedName(this.#segment));
      if (fs.stat(path) !== null) fs.remove(path);
      this.#file = fs.open(path, 'create');
    }
    const length = Math.min(CHUNK_BYTES, this.#wantedBytes - this.#sizeBytes);
    if (this.#zeros.length < length) this.#zeros = new Uint8Array(length);
    await this.#file.write(this.#zeros, 0, length, this.#sizeBytes);
    const before = Math.floor(this.#sizeBytes / SYNC_BYTES);
    this.#sizeBytes += length;
    const full = this.#sizeBytes === this.#wantedBytes;
    if (full || Math.floor(this.#sizeBytes / SYNC_BYTES) > before) await this.#file.datasync();
  }

  async #finish(): Promise<void> {
    const { fs, dir, telemetry } = this.#parts;
    if (!this.#named) {
      const path = joinPath(dir, segmentName(this.#segment));
      this.#file?.close();
      fs.rename(joinPath(dir, unfinishedName(this.#segment)), path);
      this.#named = true;
      this.#file = fs.open(path, 'write');
      await fs.syncDir(dir);
    }
    this.#ready = this.#sizeBytes >= this.#wantedBytes;
    if (!this.#lacksSpace) return;
    this.#lacksSpace = false;
    telemetry.logger.info(WalEvent.SpaceAgain, { segment: this.#segment });
  }

  #fail(error: unknown): void {
    const { clock, telemetry, onFailure } = this.#parts;
    if (!isNoSpace(error)) {
      onFailure(error);
      this.#taker?.reject(error);
      this.#taker = null;
      return;
    }
    try {
      this.#discard();
    } catch (removal) {
      onFailure(removal);
      return;
    }
    if (!this.#lacksSpace) telemetry.logger.warn(WalEvent.NoSpace, { segment: this.#segment });
    this.#lacksSpace = true;
    if (this.#impatient) this.#refuse();
    if (this.#closed) return;
    this.#retry = clock.setTimer(RETRY_MS, () => {
      this.#retry = null;
      this.#start();
    });
  }

  #discardUnfinished(): void {
    if (!this.#named && this.#file !== null) this.#discard();
  }

  /** Gives what was taken of the disk back to those who may need it more. */
  #discard(): void {
    const { fs, dir } = this.#parts;
    this.#file?.close();
    this.#file = null;
    const name = this.#named ? segmentName(this.#segment) : unfinishedName(this.#segment);
    const path = joinPath(dir, name);
    if (fs.stat(path) !== null) fs.remove(path);
    this.#named = false;
    this.#sizeBytes = 0;
  }

  #deliver(): void {
    if (!this.#ready || this.#taker === null || this.#file === null) return;
    const { resolve } = this.#taker;
    const file = this.#file;
    this.#taker = null;
    this.#file = null;
    this.#sizeBytes = 0;
    this.#named = false;
    this.#ready = false;
    resolve(file);
  }

  #refuse(): void {
    const message = `no space for segment ${this.#segment}: what was queued for it is not durable`;
    this.#taker?.reject(new WalError(WalErrorCode.NoSpace, message));
    this.#taker = null;
  }
}
