import type { LogId } from '../contract.js';
import { LogState } from './log-state.js';
import type { SegmentLedger } from './segment-ledger.js';

/** All logs of a WAL. A removed one stays as a void, so that its readers go on to see the truth. */
export class LogSet {
  readonly ledger: SegmentLedger;
  readonly #logs = new Map<LogId, LogState>();

  constructor(ledger: SegmentLedger) {
    this.ledger = ledger;
  }

  /** The log with this id, made if it is new. */
  get(id: LogId): LogState {
    let log = this.#logs.get(id);
    if (log === undefined) {
      log = new LogState(id, this.ledger);
      this.#logs.set(id, log);
    }
    return log;
  }

  /** The log with this id, if there ever was one. */
  find(id: LogId): LogState | null {
    return this.#logs.get(id) ?? null;
  }

  all(): IterableIterator<LogState> {
    return this.#logs.values();
  }

  /** Ids of logs that have anything, ascending. */
  ids(): LogId[] {
    const ids: LogId[] = [];
    for (const log of this.#logs.values()) if (!log.isVoid) ids.push(log.id);
    return ids.sort((a, b) => a - b);
  }
}
