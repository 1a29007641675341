import { encodeOperation } from '../history/format.js';
import {
  type Answer,
  type Call,
  noAnswer,
  type ProcessId,
  type Status,
} from '../history/operation.js';
import type { HistorySink } from './history-sink.js';

export interface HistoryRecorderOptions {
  /** One monotonic clock for all processes of the history: whole nanoseconds, `process.hrtime.bigint` for one. */
  readonly nowNs: () => number | bigint;
  readonly sink: HistorySink;
}

/** What must be told of an operation that is ok, and what may. */
export type AnswerTo<C extends Call> = C extends { readonly op: 'get' }
  ? { readonly value: string | null }
  : C extends { readonly op: 'cas' }
    ? { readonly result: boolean; readonly prev?: string | null }
    : C extends { readonly op: 'delete' }
      ? { readonly existed?: boolean; readonly prev?: string | null }
      : { readonly prev?: string | null };

/** An operation that was begun. Exactly one of its methods is called, once. */
export interface OpenOperation<C extends Call> {
  /** It took effect, and this is what it told. */
  ok(answer: AnswerTo<C>): void;
  /** It certainly never takes effect. When in doubt: unknown. */
  fail(): void;
  /** It may have taken effect, or may still, or never. Its process goes on under a new name. */
  unknown(): void;
}

/** How many operations ended how. */
export interface RecordedCounts {
  readonly ok: number;
  readonly fail: number;
  readonly unknown: number;
  /** Begun and not ended yet. */
  readonly open: number;
}

interface Process {
  /** Grows with each unknown. */
  life: number;
  isBusy: boolean;
}

/**
 * Writes down what clients do and see, in the format of format.ts. No operation that was begun is left
 * out: what is open when the recorder is closed is written as unknown.
 *
 * @example
 * ```ts
 * const sink = new TextSink();
 * const recorder = new HistoryRecorder({ nowNs: process.hrtime.bigint, sink });
 * const put = recorder.begin('w1', { op: 'put', key: 'a', value: 'v1' });
 * put.ok({});
 * recorder.close();
 * checkHistory(parseHistory(sink.text)).verdict; // 'linearizable'
 * ```
 */
export class HistoryRecorder implements Disposable {
  readonly #nowNs: () => number | bigint;
  readonly #sink: HistorySink;
  readonly #processes = new Map<string, Process>();
  /** What closing does to each operation that is open. */
  readonly #open = new Set<() => void>();
  readonly #ended = { ok: 0, fail: 0, unknown: 0 };
  #lastSeen: number | bigint | null = null;
  #lastWritten: number | bigint | null = null;
  #isClosed = false;

  constructor(options: HistoryRecorderOptions) {
    this.#nowNs = options.nowNs;
    this.#sink = options.sink;
  }

  get counts(): RecordedCounts {
    return { ...this.#ended, open: this.#open.size };
  }

  /**
   * Call it right before the operation is sent, in the same turn.
   * @param process - who runs it; a name without '/' (what follows one counts its unknowns)
   * @throws Error if this process has an operation open, or the recorder is closed: nothing is recorded then
   */
  begin<C extends Call>(process: ProcessId, call: C): OpenOperation<C> {
    const state = this.#stateOf(process);
    if (this.#isClosed) throw new Error('the recorder is closed');
    if (state.isBusy) throw new Error(`process ${process} has an operation open`);
    const invoke = this.#now();
    const name = state.life === 0 ? String(process) : `${process}/${state.life}`;
    state.isBusy = true;
    let isOpen = true;
    const end = (status: Status, answer: Answer): void => {
      if (!isOpen) throw new Error(`an operation of process ${process} has ended twice`);
      // First: if the clock or the sink throws, it stays open and is written at the end.
      const returned = status === 'unknown' ? null : this.#now();
      const record = { process: name, call, invoke, return: returned, status, answer };
      this.#sink.write(`${encodeOperation(record)}\n`);
      isOpen = false;
      state.isBusy = false;
      if (status === 'unknown') state.life++;
      this.#open.delete(abandon);
      this.#ended[status]++;
    };
    const abandon = (): void => end('unknown', noAnswer);
    this.#open.add(abandon);
    // An answer that comes after the end of the recording was written as unknown, which is true enough.
    const unlessClosed = (run: () => void): void => {
      if (!this.#isClosed) run();
    };
    return {
      ok: (answer) => unlessClosed(() => end('ok', answer)),
      fail: () => unlessClosed(() => end('fail', noAnswer)),
      unknown: () => unlessClosed(abandon),
    };
  }

  /** Writes what is open as unknown and closes the sink. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    for (const abandon of [...this.#open]) abandon();
    this.#isClosed = true;
    this.#sink.close();
  }

  /** {@link close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #stateOf(process: ProcessId): Process {
    const name = String(process);
    if (name.includes('/')) throw new Error(`a process name has no '/': ${name}`);
    const known = this.#processes.get(name);
    if (known !== undefined) return known;
    const state = { life: 0, isBusy: false };
    this.#processes.set(name, state);
    return state;
  }

  /**
   * A time after all that were given before. Equal times would be taken for concurrent, and on a clock
   * that stands still while things happen (a coarse one, a virtual one) nothing would follow anything; but
   * what this recorder is told, it is told in order.
   * @throws RangeError for a clock that is not what it must be; a wrong time would make a wrong verdict
   */
  #now(): number | bigint {
    const now = this.#nowNs();
    if (typeof now === 'number' && !Number.isSafeInteger(now)) {
      throw new RangeError(`the clock must give whole nanoseconds, not ${now}`);
    }
    if (this.#lastSeen !== null && now < this.#lastSeen) {
      throw new RangeError(`the clock went back from ${this.#lastSeen} to ${now}`);
    }
    this.#lastSeen = now;
    const last = this.#lastWritten;
    this.#lastWritten = last === null || now > last ? now : next(last);
    return this.#lastWritten;
  }
}

function next(time: number | bigint): number | bigint {
  return typeof time === 'bigint' ? time + 1n : time + 1;
}
