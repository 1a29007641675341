import type { Clock } from '@dougdb/ports';
import type { ScanIterator } from '@dougdb/replica';
import {
  DougError,
  type KeyValue,
  limits,
  type ReadLevel,
  type ResponseHeader,
  ScanResponse,
} from '@dougdb/rpc-proto';
import type { ScanOutput } from '../contract.js';

/** A slice of the loop for collecting a chunk; others get their turn in between. */
const SLICE_MS = 4;
/** How often the clock is looked at. */
const PAIRS_PER_LOOK = 64;
/** Deletions and older versions that are passed over before the clock is looked at, where no pair is found. */
const PASSED_AT_ONCE = 1024;
/** What a pair costs on the wire beside key and value, at most. */
const PAIR_OVERHEAD_BYTES = 32;
/** Room for the header, the resume key and the token, which holds two keys. */
const CHUNK_RESERVE_BYTES = 40 * 1024;
/** Who does not take a chunk within this time is cut: an iterator keeps files from being removed. */
const SLOW_READER_MS = 30_000;

/** What is asked for, be it in words or by a token. */
export interface ScanTask {
  readonly level: ReadLevel;
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Infinity: none. */
  readonly limit: number;
}

export interface ScanChunksOptions {
  readonly task: ScanTask;
  readonly iterator: ScanIterator;
  readonly header: ResponseHeader;
  /** Where the range goes on in another partition; undefined: it ends here. */
  readonly beyond: Uint8Array | undefined;
  /** A token for what is left of the task. */
  readonly tokenAt: (rest: ScanTask) => Uint8Array;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly output: ScanOutput;
}

/** Sends what an iterator shows, chunk by chunk. */
export class ScanChunks {
  readonly #options: ScanChunksOptions;
  /** Pairs still to be sent. */
  #left: number;
  #count = 0;

  constructor(options: ScanChunksOptions) {
    this.#options = options;
    this.#left = options.task.limit;
  }

  /**
   * Ends after the last chunk, or when the caller is gone.
   * @throws DougError DEADLINE; LAGGING when a chunk was not taken in time: the scan goes on from the token
   * of the last chunk
   */
  async send(): Promise<void> {
    const { output, task } = this.#options;
    let more = (await this.#stepOn()) === 'at';
    do {
      const kvs: KeyValue[] = [];
      if (more) more = await (task.countOnly ? this.#countAll() : this.#collect(kvs));
      if (output.cancelled) return;
      this.#refuseLate();
      await this.#taken(this.#chunk(kvs, more));
    } while (more && !output.cancelled);
  }

  #chunk(kvs: KeyValue[], more: boolean): Uint8Array {
    const { header, beyond, tokenAt, task } = this.#options;
    const count = this.#count;
    if (!more) {
      const resumeKey = this.#left > 0 ? beyond : undefined;
      return ScanResponse.encode({ header, kvs, resumeKey, count, token: nothing }).finish();
    }
    const resumeKey = this.#resumeAt(kvs);
    const token = tokenAt({ ...task, [task.reverse ? 'end' : 'start']: resumeKey });
    return ScanResponse.encode({ header, kvs, resumeKey, count, token }).finish();
  }

  /** Resolves when the caller has taken the chunk, or is gone. @throws DougError LAGGING */
  #taken(chunk: Uint8Array): Promise<void> {
    const { clock, output } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(SLOW_READER_MS, () => {
        const what = `a chunk was not taken for ${SLOW_READER_MS / 1000} s: go on from its token`;
        reject(new DougError('LAGGING', what));
      });
      output.send(chunk).then(
        () => {
          timer.cancel();
          resolve();
        },
        (error: unknown) => {
          timer.cancel();
          reject(error);
        },
      );
    });
  }

  /** Counts everything, in slices. @returns false: nothing is left for another chunk */
  async #countAll(): Promise<false> {
    const { iterator, output } = this.#options;
    let sliceEndMs = this.#sliceEnd();
    for (;;) {
      this.#count++;
      this.#left--;
      if (this.#count % PAIRS_PER_LOOK === 0) sliceEndMs = await this.#breathe(sliceEndMs);
      if (this.#left === 0 || output.cancelled) return false;
      let where = iterator.step(PASSED_AT_ONCE);
      if (where === 'passing') where = await this.#stepOn();
      if (where === 'end') return false;
    }
  }

  /** To the next pair, however many deleted keys lie before it: in slices. 'end', too, when the caller is gone. */
  async #stepOn(): Promise<'at' | 'end'> {
    const { iterator, output } = this.#options;
    let sliceEndMs = this.#sliceEnd();
    for (;;) {
      const where = iterator.step(PASSED_AT_ONCE);
      if (where !== 'passing') return where;
      sliceEndMs = await this.#breathe(sliceEndMs);
      if (output.cancelled) return 'end';
    }
  }

  /**
   * Fills one chunk from where the iterator stands.
   * @returns whether it now stands on a pair for the next chunk
   */
  async #collect(kvs: KeyValue[]): Promise<boolean> {
    const { iterator, output, task } = this.#options;
    const { keysOnly } = task;
    let sizeBytes = CHUNK_RESERVE_BYTES;
    let sliceEndMs = this.#sliceEnd();
    for (;;) {
      const key = iterator.key().slice();
      const value = keysOnly ? nothing : iterator.value().slice();
      kvs.push({ key, value, revision: iterator.sequence(), expiresAt: iterator.expiresAt() });
      sizeBytes += key.length + value.length + PAIR_OVERHEAD_BYTES;
      this.#left--;
      if (this.#left === 0) return false;
      let where = iterator.step(PASSED_AT_ONCE);
      if (where === 'passing') where = await this.#stepOn();
      if (where === 'end') return false;
      const nextBytes = iterator.key().length + (keysOnly ? 0 : iterator.value().length);
      if (sizeBytes + nextBytes + PAIR_OVERHEAD_BYTES > limits.scanChunkBytes) return true;
      if (kvs.length % PAIRS_PER_LOOK !== 0) continue;
      sliceEndMs = await this.#breathe(sliceEndMs);
      if (output.cancelled) return false;
    }
  }

  /** Lets others have the loop when the slice is over. @returns the end of the slice that runs */
  async #breathe(sliceEndMs: number): Promise<number> {
    const { clock } = this.#options;
    if (clock.monotonicMs() < sliceEndMs) return sliceEndMs;
    this.#refuseLate();
    await new Promise<void>((resolve) => clock.defer(resolve));
    return this.#sliceEnd();
  }

  #sliceEnd(): number {
    return this.#options.clock.monotonicMs() + SLICE_MS;
  }

  /** Inclusive start of the next chunk; reversed: its exclusive end. */
  #resumeAt(kvs: readonly KeyValue[]): Uint8Array {
    const { iterator, task } = this.#options;
    const last = kvs[kvs.length - 1]?.key;
    return task.reverse && last !== undefined ? last : iterator.key().slice();
  }

  #refuseLate(): void {
    if (this.#options.clock.monotonicMs() < this.#options.deadlineMs) return;
    throw new DougError('DEADLINE', 'the time ran out in the middle of a scan');
  }
}

const nothing = new Uint8Array(0);
