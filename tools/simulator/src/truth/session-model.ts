import { LOG_TIME_PER_MS } from '@dougdb/replica';
import { type OpId, SESSION_BYTES } from '@dougdb/rpc-proto';
import { textOf } from './text.js';

const MINUTE = 60_000 * LOG_TIME_PER_MS;
/** A row is made only for a session that is younger. */
const NEW_ROW_AGE = 5 * MINUTE;
/** A row goes when it was not used for so long ... */
const IDLE = 10 * MINUTE;
/** ... at multiples of this index. */
const LOOK_INTERVAL = 1024;
const OPEN_SEQS = 1024;

interface Row<T> {
  lastUse: number;
  firstIncomplete: number;
  readonly answers: Map<number, T>;
}

/** What an op with an id is to its session. */
export type Standing<T> =
  | { readonly kind: 'apply' }
  | { readonly kind: 'duplicate'; readonly answer: T }
  | { readonly kind: 'unknown-session' }
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'busy' };

/** The sessions of a partition as S16 describes them, written down once more, in the simplest way. */
export class SessionModel<T> {
  readonly #rows = new Map<string, Row<T>>();

  get size(): number {
    return this.#rows.size;
  }

  begin(op: OpId, logTime: number): Standing<T> {
    if (op.session.length !== SESSION_BYTES) throw new Error('a session id of another length');
    const name = nameOf(op);
    let row = this.#rows.get(name);
    if (row === undefined) {
      if (Math.abs(logTime - op.startedAt) >= NEW_ROW_AGE) return { kind: 'unknown-session' };
      const firstIncomplete = Math.max(1, op.firstIncomplete);
      if (op.seq - firstIncomplete >= OPEN_SEQS) return { kind: 'busy' };
      row = { lastUse: logTime, firstIncomplete, answers: new Map() };
      this.#rows.set(name, row);
    }
    row.lastUse = logTime;
    if (op.firstIncomplete > row.firstIncomplete) {
      row.firstIncomplete = op.firstIncomplete;
      for (const seq of row.answers.keys()) if (seq < op.firstIncomplete) row.answers.delete(seq);
    }
    if (op.seq < row.firstIncomplete) return { kind: 'forgotten' };
    const answer = row.answers.get(op.seq);
    if (answer !== undefined) return { kind: 'duplicate', answer };
    return op.seq - row.firstIncomplete >= OPEN_SEQS ? { kind: 'busy' } : { kind: 'apply' };
  }

  record(op: OpId, answer: T): void {
    this.#rows.get(nameOf(op))?.answers.set(op.seq, answer);
  }

  endEntry(index: number, logTime: number): number {
    if (index % LOOK_INTERVAL !== 0) return 0;
    const before = this.#rows.size;
    for (const [name, row] of this.#rows)
      if (logTime - row.lastUse >= IDLE) this.#rows.delete(name);
    return before - this.#rows.size;
  }
}

const nameOf = ({ session, startedAt }: OpId): string => `${textOf(session)}@${startedAt}`;
