import type { DougError } from '@dougdb/rpc-proto';
import type { AnswerSink } from './contract.js';

/** Ops of one sink with consecutive ids and one deadline. */
interface Run {
  readonly sink: AnswerSink;
  readonly firstId: number;
  count: number;
  readonly deadlineMs: number;
  /** Its deadline has passed and its ops were told so: a later answer goes nowhere. */
  isExpired: boolean;
}

/**
 * Who waits for a row of operations, kept as runs of ids so that nothing is made per operation.
 * Answers are given in the order of the operations; each op gets exactly one.
 */
export class AnswerRuns {
  /** After next(): whom to answer; null if the op's deadline has passed or there is no further op. */
  sink: AnswerSink | null = null;
  /** After next(): the op's id. */
  id = 0;
  /** After next(): monotonic milliseconds at which the op's caller gives up. */
  deadlineMs = 0;
  /** Monotonic milliseconds: nobody's patience ends before. */
  earliestDeadlineMs = Number.POSITIVE_INFINITY;
  readonly #runs: Run[] = [];
  #run = 0;
  #inRun = 0;
  #open = 0;

  /** Ops that have no answer yet. */
  get open(): number {
    return this.#open;
  }

  /** One more op. */
  add(sink: AnswerSink, id: number, deadlineMs: number): void {
    this.#open++;
    const last = this.#runs[this.#runs.length - 1];
    if (
      last !== undefined &&
      last.sink === sink &&
      last.firstId + last.count === id &&
      last.deadlineMs === deadlineMs
    ) {
      last.count++;
      return;
    }
    this.#runs.push({ sink, firstId: id, count: 1, deadlineMs, isExpired: false });
    this.earliestDeadlineMs = Math.min(this.earliestDeadlineMs, deadlineMs);
  }

  /** Moves to the next op, which the caller now answers by `sink` and `id`. */
  next(): void {
    let run = this.#runs[this.#run];
    if (run !== undefined && this.#inRun === run.count) {
      this.#inRun = 0;
      run = this.#runs[++this.#run];
    }
    this.sink = null;
    if (run === undefined) return;
    this.id = run.firstId + this.#inRun++;
    if (run.isExpired) return;
    this.sink = run.sink;
    this.deadlineMs = run.deadlineMs;
    this.#open--;
  }

  /** Every op that next() has not come to gets this answer. */
  failRest(error: DougError): void {
    for (; this.#run < this.#runs.length; this.#run++, this.#inRun = 0) {
      const run = this.#runs[this.#run]!;
      for (; this.#inRun < run.count && !run.isExpired; this.#inRun++, this.#open--) {
        run.sink.failed(run.firstId + this.#inRun, error);
      }
    }
  }

  /** Answers every op whose deadline has passed and that next() has not come to. Answers how many. */
  expire(nowMs: number, makeError: () => DougError): number {
    if (nowMs < this.earliestDeadlineMs) return 0;
    const before = this.#open;
    let error: DougError | null = null;
    this.earliestDeadlineMs = Number.POSITIVE_INFINITY;
    for (let i = this.#run; i < this.#runs.length; i++) {
      const run = this.#runs[i]!;
      if (run.isExpired) continue;
      if (run.deadlineMs > nowMs) {
        this.earliestDeadlineMs = Math.min(this.earliestDeadlineMs, run.deadlineMs);
        continue;
      }
      error ??= makeError();
      run.isExpired = true;
      for (let k = i === this.#run ? this.#inRun : 0; k < run.count; k++, this.#open--) {
        run.sink.failed(run.firstId + k, error);
      }
    }
    return before - this.#open;
  }
}
