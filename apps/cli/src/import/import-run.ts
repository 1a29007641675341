import { isUsageError, UsageError } from '../cli-errors.js';
import type { Db } from '../context.js';
import type { Input, Io } from '../io.js';
import { type ImportEntry, parseLine } from './parse-line.js';
import { type Line, splitLines } from './split-lines.js';

/** Puts that are on their way at the same time. */
export const inFlight = 512;

/** A line whose put failed. */
export interface FailedLine {
  readonly line: number;
  readonly error: unknown;
}

/** What an import has done so far, and in the end. */
export interface ImportTally {
  /** Lines whose put was acknowledged. */
  acknowledged: number;
  /** Bytes of the input that were read. */
  readBytes: number;
  /** Longest time without an acknowledgement, while one was waited for. */
  longestGapMs: number;
  readonly failed: FailedLine[];
  /** What is wrong with the input; null: nothing, as far as it was read. */
  stopped: unknown;
}

/**
 * Puts every line of an input, {@link inFlight} of them at a time; lines with one key in their order.
 * Reading stops at the first line that makes no sense or fails; what is on its way then is still
 * waited for.
 */
export async function runImport(db: Db, input: Input, io: Io, tally: ImportTally): Promise<void> {
  const run = new ImportRun(db, io, tally);
  try {
    for await (const line of splitLines(input.chunks)) {
      if (tally.failed.length > 0 || io.signal.aborted) break;
      if (line.bytes.length > 0) await run.put(line);
      tally.readBytes = line.offset;
    }
  } catch (error) {
    tally.stopped = error;
  }
  await run.settled();
}

/** A tally of nothing. */
export function emptyTally(): ImportTally {
  return { acknowledged: 0, readBytes: 0, longestGapMs: 0, failed: [], stopped: null };
}

class ImportRun {
  readonly #db: Db;
  readonly #io: Io;
  readonly #tally: ImportTally;
  #open = 0;
  #lastMs: number;
  #wake: (() => void) | null = null;

  constructor(db: Db, io: Io, tally: ImportTally) {
    this.#db = db;
    this.#io = io;
    this.#tally = tally;
    this.#lastMs = io.nowMs();
  }

  /** Resolves when the line is on its way. @throws UsageError with the number of a bad line */
  async put(line: Line): Promise<void> {
    const { key, value } = parseNumbered(line);
    while (this.#open >= inFlight) await this.#oneSettled();
    // While nothing was on its way, nothing was waited for.
    if (this.#open++ === 0) this.#lastMs = this.#io.nowMs();
    this.#db.put(key, value, { signal: this.#io.signal }).then(
      () => this.#acknowledged(),
      (error: unknown) => this.#failed(line.number, error),
    );
  }

  async settled(): Promise<void> {
    while (this.#open > 0) await this.#oneSettled();
  }

  #acknowledged(): void {
    const nowMs = this.#io.nowMs();
    const tally = this.#tally;
    tally.acknowledged++;
    tally.longestGapMs = Math.max(tally.longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#ended();
  }

  #failed(line: number, error: unknown): void {
    this.#tally.failed.push({ line, error });
    this.#ended();
  }

  #ended(): void {
    this.#open--;
    this.#wake?.();
    this.#wake = null;
  }

  #oneSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function parseNumbered(line: Line): ImportEntry {
  try {
    return parseLine(line.bytes);
  } catch (error) {
    if (!isUsageError(error)) throw error;
    throw new UsageError(`line ${line.number}: ${error.message}`);
  }
}
