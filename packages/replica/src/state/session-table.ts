import { crc32 } from '@dougdb/ports';
import { type CommandView, limits, SESSION_BYTES } from '@dougdb/rpc-proto';
import type { ByteReader } from '../format/byte-reader.js';
import type { ByteWriter } from '../format/byte-writer.js';
import { KEPT_RESULT_HEADER_BYTES } from '../format/kept-result-format.js';
import { logTimeSpan } from './log-time.js';
import {
  type OpResult,
  OUTCOME_BYTES,
  RESULT_OVERHEAD_BYTES,
  ROW_BYTES,
  SessionRow,
} from './session-row.js';

/** What the table says of an op id at the moment its command is applied. */
export const SessionVerdict = {
  /** Not seen before: apply it, then call record(), or dismiss() if nothing came of it. */
  Apply: 0,
  /** Applied before: `revision`, `hasResult` and what follows there say what came of it. */
  Duplicate: 1,
  /** No row, and too old (or too new) to have one made: never applied by this attempt. */
  UnknownSession: 2,
  /** Below firstIncomplete: it may have been applied before, and will not be now. */
  Forgotten: 3,
  /** Too many open seqs, or no room in the table: not applied by this attempt. */
  Busy: 4,
} as const;
export type SessionVerdict = (typeof SessionVerdict)[keyof typeof SessionVerdict];

/** Ages in milliseconds of log time; sizes as serialised. */
export interface SessionLimits {
  readonly newRowAgeMs: number;
  readonly idleMs: number;
  readonly openSeqs: number;
  readonly resultBytes: number;
  /** Above this size results are no longer kept. */
  readonly resultsBelowBytes: number;
  /** Above this size no new session is taken. */
  readonly rowsBelowBytes: number;
  /** The table never grows beyond this. */
  readonly capBytes: number;
}

/** S16. The three sizes leave room for the rest of a ReplicaState below its cap of 4 MiB. */
export const defaultSessionLimits: SessionLimits = Object.freeze({
  newRowAgeMs: 5 * 60_000,
  idleMs: 10 * 60_000,
  openSeqs: limits.sessionOpenSeqs,
  // The limit is on what of a result can be large: a previous value, what a transaction found.
  resultBytes: limits.sessionResultBytes + KEPT_RESULT_HEADER_BYTES,
  resultsBelowBytes: limits.sessionTableBytes,
  rowsBelowBytes: 3_670_016,
  capBytes: 3_932_160,
});

const FIRST_BUCKETS = 16;

/**
 * The sessions of one partition (S16): what makes a resent op take effect once. Deterministic: it
 * depends on the commands, their order and their log times alone. Rows are never evicted early; one
 * goes only by {@link expire}.
 */
export class SessionTable {
  // After Duplicate:
  /** The revision at which the op was applied. */
  revision = 0;
  /** Whether there was more to answer than the revision: the op looked first. */
  hasResult = false;
  /** Whether a condition of the op was not met; of a transaction, whether its failure list was carried out. */
  compareFailed = false;
  /** The kept result; null: there was none, or it was not kept. Not to be changed. */
  result: Uint8Array | null = null;
  readonly #limits: SessionLimits;
  #buckets: (SessionRow | null)[] = new Array<SessionRow | null>(FIRST_BUCKETS).fill(null);
  #oldest: SessionRow | null = null;
  #newest: SessionRow | null = null;
  #size = 0;
  #sizeBytes = 0;
  /** The op that begin() let pass. */
  #row: SessionRow | null = null;
  #seq = 0;

  constructor(table: SessionLimits = defaultSessionLimits) {
    this.#limits = table;
  }

  /** Rows. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of all rows as serialised. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Looks up the op id of a command at its place in the log; the view lies on `bytes` and has an op
   * id. Also forgets what the op says is finished for the client.
   * @param logTime - of the entry; never goes back
   */
  begin(bytes: Uint8Array, view: CommandView, logTime: number): SessionVerdict {
    const row = this.#find(bytes, view) ?? this.#create(bytes, view, logTime);
    if (typeof row === 'number') return row;
    this.#use(row, logTime);
    if (view.firstIncomplete > row.firstIncomplete) this.#advance(row, view.firstIncomplete);
    if (view.seq < row.firstIncomplete) return SessionVerdict.Forgotten;
    // INVARIANT(applied-once): what was applied under this op id is answered, not applied again.
    if (row.has(view.seq)) {
      this.revision = row.revision(view.seq);
      this.hasResult = row.hasResult(view.seq);
      this.compareFailed = row.compareFailed(view.seq);
      this.result = row.result(view.seq);
      return SessionVerdict.Duplicate;
    }
    if (view.seq - row.firstIncomplete >= this.#limits.openSeqs) return SessionVerdict.Busy;
    if (this.#sizeBytes + OUTCOME_BYTES > this.#limits.capBytes) return SessionVerdict.Busy;
    this.#row = row;
    this.#seq = view.seq;
    return SessionVerdict.Apply;
  }

  /** Whether a result of this size would be kept now: if it and the table are small enough. */
  keepsResult(sizeBytes: number): boolean {
    const { resultBytes, resultsBelowBytes } = this.#limits;
    if (sizeBytes > resultBytes) return false;
    return this.#sizeBytes + OUTCOME_BYTES + RESULT_OVERHEAD_BYTES + sizeBytes <= resultsBelowBytes;
  }

  /**
   * The op that the last begin() let pass was applied. @param result - null: the revision is all there
   * is to answer; else its bytes become the table's if they are kept
   */
  record(revision: number, result: OpResult | null): void {
    const row = this.#row;
    if (row === null) throw new Error('record() without begin()');
    const isTooMuch =
      result !== null && result.bytes !== null && !this.keepsResult(result.bytes.length);
    const before = row.sizeBytes;
    row.record(this.#seq, revision, isTooMuch ? { ...result, bytes: null } : result);
    this.#sizeBytes += row.sizeBytes - before;
    this.#row = null;
  }

  /** The op that the last begin() let pass was refused for another reason: nothing of it is remembered. */
  dismiss(): void {
    this.#row = null;
  }

  /**
   * Whether the op would be refused with Busy for the count of its open seqs, as far as applied
   * commands tell: the leader's check before it proposes. Changes nothing.
   */
  isOverWindow(bytes: Uint8Array, view: CommandView): boolean {
    const known = this.#find(bytes, view)?.firstIncomplete ?? 1;
    const firstIncomplete = Math.max(known, view.firstIncomplete, 1);
    return view.seq - firstIncomplete >= this.#limits.openSeqs;
  }

  /** Removes rows not used for the idle time. Called at fixed indexes of the log only. Answers how many. */
  expire(logTime: number): number {
    const before = this.#size;
    const idle = logTimeSpan(this.#limits.idleMs);
    while (this.#oldest !== null && logTime - this.#oldest.lastUse >= idle) {
      this.#remove(this.#oldest);
    }
    return before - this.#size;
  }

  /** {count u32, rows by last use, oldest first}. */
  encode(writer: ByteWriter): void {
    writer.u32(this.#size);
    for (let row = this.#oldest; row !== null; row = row.newer) row.encode(writer);
  }

  static decode(
    reader: ByteReader,
    fail: (what: string) => never,
    table: SessionLimits = defaultSessionLimits,
  ): SessionTable {
    const result = new SessionTable(table);
    const count = reader.u32();
    for (let i = 0; i < count; i++) {
      const id = reader.bytes(SESSION_BYTES);
      const startedAt = reader.u53();
      const row = new SessionRow(id, startedAt, sessionHash(id, 0), reader.u53(), reader.u53());
      if (result.#newest !== null && row.lastUse < result.#newest.lastUse) fail('session order');
      row.decodeOutcomes(reader, fail);
      result.#insert(row);
    }
    return result;
  }

  #find(bytes: Uint8Array, view: CommandView): SessionRow | null {
    // The ops of one client come in runs, so the row of the last op is tried first.
    const newest = this.#newest;
    if (newest?.isNamed(bytes, view.sessionStart, view.startedAt)) return newest;
    const hash = sessionHash(bytes, view.sessionStart);
    let row = this.#buckets[hash & (this.#buckets.length - 1)] ?? null;
    while (row !== null && !row.isNamed(bytes, view.sessionStart, view.startedAt)) row = row.chain;
    return row;
  }

  #create(bytes: Uint8Array, view: CommandView, logTime: number): SessionRow | SessionVerdict {
    // A row lives at least twice this long, so a late duplicate meets either the row or this limit.
    const ageLimit = logTimeSpan(this.#limits.newRowAgeMs);
    if (Math.abs(logTime - view.startedAt) >= ageLimit) return SessionVerdict.UnknownSession;
    const room = ROW_BYTES + OUTCOME_BYTES;
    if (this.#sizeBytes + room > this.#limits.rowsBelowBytes) return SessionVerdict.Busy;
    const firstIncomplete = Math.max(1, view.firstIncomplete);
    if (view.seq - firstIncomplete >= this.#limits.openSeqs) return SessionVerdict.Busy;
    const id = bytes.slice(view.sessionStart, view.sessionStart + SESSION_BYTES);
    const row = new SessionRow(id, view.startedAt, sessionHash(id, 0), logTime, firstIncomplete);
    this.#insert(row);
    return row;
  }

  #advance(row: SessionRow, firstIncomplete: number): void {
    const before = row.sizeBytes;
    row.advance(firstIncomplete);
    this.#sizeBytes += row.sizeBytes - before;
  }

  #use(row: SessionRow, logTime: number): void {
    row.lastUse = logTime;
    if (row === this.#newest) return;
    this.#unlink(row);
    this.#append(row);
  }

  #insert(row: SessionRow): void {
    if (this.#size === this.#buckets.length) this.#grow();
    this.#chain(row);
    this.#append(row);
    this.#size++;
    this.#sizeBytes += row.sizeBytes;
  }

  #remove(row: SessionRow): void {
    this.#unlink(row);
    const at = row.hash & (this.#buckets.length - 1);
    let before = this.#buckets[at] ?? null;
    if (before === row) {
      this.#buckets[at] = row.chain;
    } else {
      while (before !== null && before.chain !== row) before = before.chain;
      if (before !== null) before.chain = row.chain;
    }
    this.#size--;
    this.#sizeBytes -= row.sizeBytes;
  }

  #append(row: SessionRow): void {
    row.older = this.#newest;
    row.newer = null;
    if (this.#newest === null) this.#oldest = row;
    else this.#newest.newer = row;
    this.#newest = row;
  }

  #unlink(row: SessionRow): void {
    if (row.older === null) this.#oldest = row.newer;
    else row.older.newer = row.newer;
    if (row.newer === null) this.#newest = row.older;
    else row.newer.older = row.older;
  }

  #chain(row: SessionRow): void {
    const at = row.hash & (this.#buckets.length - 1);
    row.chain = this.#buckets[at] ?? null;
    this.#buckets[at] = row;
  }

  #grow(): void {
    this.#buckets = new Array<SessionRow | null>(this.#buckets.length * 4).fill(null);
    for (let row = this.#oldest; row !== null; row = row.newer) this.#chain(row);
  }
}

function sessionHash(bytes: Uint8Array, at: number): number {
  return crc32(bytes, 0, at, at + SESSION_BYTES);
}
