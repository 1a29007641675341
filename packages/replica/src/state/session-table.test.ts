import fc from 'fast-check';
import { opId, put, viewOf } from '../../test/support/commands.js';
import { ByteReader } from '../format/byte-reader.js';
import { ByteWriter } from '../format/byte-writer.js';
import { KEPT_RESULT_HEADER_BYTES } from '../format/kept-result-format.js';
import { logTimeSpan } from './log-time.js';
import { type OpResult, ROW_BYTES } from './session-row.js';
import {
  defaultSessionLimits,
  type SessionLimits,
  SessionTable,
  SessionVerdict,
} from './session-table.js';

const MINUTE = logTimeSpan(60_000);
const START = 1000 * MINUTE;
const { Apply, Busy, Duplicate, Forgotten, UnknownSession } = SessionVerdict;

interface Op {
  readonly session: number;
  readonly startedAt: number;
  readonly seq: number;
  readonly firstIncomplete: number;
}

function begin(table: SessionTable, op: Op, logTime: number): SessionVerdict {
  const { session, startedAt, seq, firstIncomplete } = op;
  const command = put('k', 'v', opId(session, startedAt, seq, firstIncomplete));
  return table.begin(command, viewOf(command), logTime);
}

/** Applies as the state machine does, with the revision and result that the test chooses. */
function apply(
  table: SessionTable,
  op: Op,
  logTime: number,
  revision: number,
  result: OpResult | null = null,
): SessionVerdict {
  const verdict = begin(table, op, logTime);
  if (verdict === Apply) table.record(revision, result);
  return verdict;
}

/** A result of so many bytes. */
const resultOf = (sizeBytes: number, compareFailed = false): OpResult => ({
  compareFailed,
  bytes: new Uint8Array(sizeBytes).fill(1),
});

/** After Duplicate. */
const recalled = ({ revision, hasResult, compareFailed, result }: SessionTable): unknown[] => [
  revision,
  hasResult,
  compareFailed,
  result?.length ?? null,
];

const op = (session: number, seq: number, firstIncomplete = 1, startedAt = START): Op => ({
  session,
  startedAt,
  seq,
  firstIncomplete,
});

function restored(table: SessionTable, limits?: SessionLimits): SessionTable {
  const writer = new ByteWriter();
  table.encode(writer);
  const bytes = writer.take();
  const reader = new ByteReader(bytes, bytes.length, failWith);
  const result = SessionTable.decode(reader, failWith, limits);
  reader.finish();
  return result;
}

function failWith(what: string): never {
  throw new Error(what);
}

const small: SessionLimits = {
  ...defaultSessionLimits,
  openSeqs: 8,
  resultsBelowBytes: 300,
  rowsBelowBytes: 500,
  capBytes: 600,
};

describe('SessionTable', () => {
  it('INVARIANT(applied-once): answers a resent op with its revision and does not let it through', () => {
    const table = new SessionTable();
    expect(apply(table, op(1, 1), START, 10)).toBe(Apply);
    expect(apply(table, op(1, 3), START + 1, 11)).toBe(Apply);
    expect(begin(table, op(1, 1), START + 2)).toBe(Duplicate);
    expect(recalled(table)).toEqual([10, false, false, null]);
    expect(begin(table, op(1, 3), START + 3)).toBe(Duplicate);
    expect(table.revision).toBe(11);
    expect(apply(table, op(1, 2), START + 4, 12)).toBe(Apply);
    expect(table.size).toBe(1);
  });

  it('tells sessions apart by id and by start', () => {
    const table = new SessionTable();
    expect(apply(table, op(1, 1), START, 1)).toBe(Apply);
    expect(apply(table, op(2, 1), START, 2)).toBe(Apply);
    expect(apply(table, op(1, 1, 1, START + 1), START, 3)).toBe(Apply);
    expect(table.size).toBe(3);
  });

  it('forgets what is below firstIncomplete and never applies it again', () => {
    const table = new SessionTable();
    for (let seq = 1; seq <= 5; seq++) apply(table, op(1, seq), START, seq);
    const before = table.sizeBytes;
    expect(apply(table, op(1, 6, 5), START, 6)).toBe(Apply);
    expect(table.sizeBytes).toBeLessThan(before);
    for (let seq = 1; seq < 5; seq++) expect(begin(table, op(1, seq), START)).toBe(Forgotten);
    expect(begin(table, op(1, 5), START)).toBe(Duplicate);
  });

  it('makes a row only for a session that began less than 5 minutes from now, either way', () => {
    const table = new SessionTable();
    const limit = 5 * MINUTE;
    expect(begin(table, op(1, 1), START + limit)).toBe(UnknownSession);
    expect(begin(table, op(1, 1), START - limit)).toBe(UnknownSession);
    expect(table.size).toBe(0);
    expect(apply(table, op(1, 1), START + limit - 1, 1)).toBe(Apply);
    expect(apply(table, op(2, 1), START - limit + 1, 2)).toBe(Apply);
    // A known session goes on beyond that age.
    expect(apply(table, op(1, 2), START + 9 * MINUTE, 3)).toBe(Apply);
  });

  it('removes rows after 10 idle minutes and no earlier, so that a late duplicate meets row or age limit', () => {
    const table = new SessionTable();
    // The session that begins as far ahead as is allowed.
    const ahead = START + 5 * MINUTE - 1;
    expect(apply(table, op(1, 1, 1, ahead), START, 1)).toBe(Apply);
    expect(table.expire(START + 10 * MINUTE - 1)).toBe(0);
    expect(begin(table, op(1, 1, 1, ahead), START + 10 * MINUTE - 1)).toBe(Duplicate);
    // That was a use.
    expect(table.expire(START + 20 * MINUTE - 2)).toBe(0);
    expect(table.expire(START + 20 * MINUTE - 1)).toBe(1);
    expect(table.size).toBe(0);
    expect(table.sizeBytes).toBe(0);
    expect(begin(table, op(1, 1, 1, ahead), START + 20 * MINUTE - 1)).toBe(UnknownSession);
  });

  it('refuses more open seqs than the window, at apply and before', () => {
    const table = new SessionTable();
    apply(table, op(1, 1), START, 1);
    expect(begin(table, op(1, 1025), START)).toBe(Busy);
    expect(apply(table, op(1, 1024), START, 2)).toBe(Apply);
    const over = put('k', 'v', opId(1, START, 1025));
    expect(table.isOverWindow(over, viewOf(over))).toBe(true);
    const moved = put('k', 'v', opId(1, START, 1025, 2));
    expect(table.isOverWindow(moved, viewOf(moved))).toBe(false);
    expect(begin(table, op(1, 1025, 2), START)).toBe(Apply);
    expect(begin(table, op(9, 1025), START)).toBe(Busy);
    const unknown = put('k', 'v', opId(9, START, 1025));
    expect(table.isOverWindow(unknown, viewOf(unknown))).toBe(true);
  });

  it('keeps small results while the table is small, then only outcome and revision', () => {
    const table = new SessionTable(small);
    expect([table.keepsResult(100), table.keepsResult(400)]).toEqual([true, false]);
    apply(table, op(1, 1), START, 5, resultOf(100));
    apply(table, op(1, 2), START, 6, resultOf(200));
    apply(table, op(1, 3), START, 6, resultOf(200, true));
    apply(table, op(1, 4), START, 6, resultOf(10, true));
    apply(table, op(1, 5), START, 6, { compareFailed: true, bytes: null });
    apply(table, op(1, 6), START, 7);
    for (const again of [table, restored(table, small)]) {
      const told = [1, 2, 3, 4, 5, 6].map((seq) => {
        expect(begin(again, op(1, seq), START)).toBe(Duplicate);
        return recalled(again);
      });
      expect(told).toEqual([
        [5, true, false, 100],
        [6, true, false, null],
        [6, true, true, null],
        [6, true, true, 10],
        [6, true, true, null],
        [7, false, false, null],
      ]);
    }
  });

  it('keeps results of 4 KiB of value below 3 MiB of table, and not of a byte more', () => {
    const table = new SessionTable();
    const { resultBytes } = defaultSessionLimits;
    expect(resultBytes).toBe(4096 + KEPT_RESULT_HEADER_BYTES);
    expect([table.keepsResult(resultBytes), table.keepsResult(resultBytes + 1)]).toEqual([
      true,
      false,
    ]);
    let kept = 0;
    for (let seq = 1; table.keepsResult(resultBytes); kept++) {
      const session = 1 + Math.floor(kept / 1000);
      apply(table, op(session, (seq++ % 1000) + 1), START, seq, resultOf(resultBytes));
    }
    expect(table.sizeBytes).toBeGreaterThan((3 << 20) - 5000);
    expect(table.sizeBytes).toBeLessThanOrEqual(3 << 20);
    // What the client has finished makes room.
    apply(table, op(1, 1001, 900), START, 1);
    expect(table.keepsResult(resultBytes)).toBe(true);
  });

  it('refuses outcomes that it does not know', () => {
    const table = new SessionTable();
    apply(table, op(1, 1), START, 5, resultOf(1));
    const writer = new ByteWriter();
    table.encode(writer);
    const bytes = writer.take();
    const at = 4 + ROW_BYTES + 2;
    for (const outcome of [0, 4, 5, 8, 255]) {
      bytes[at] = outcome;
      const reader = new ByteReader(bytes, bytes.length, failWith);
      expect(() => SessionTable.decode(reader, failWith)).toThrow(`outcome ${outcome}`);
    }
  });

  it('answers Busy to new sessions when it is full, and never evicts early', () => {
    const table = new SessionTable(small);
    let session = 1;
    while (apply(table, op(session, 1), START, session) === Apply) session++;
    expect(begin(table, op(session, 1), START)).toBe(Busy);
    expect(table.size).toBe(session - 1);
    // Known sessions go on until the cap.
    let seq = 2;
    while (apply(table, op(1, seq), START, seq) === Apply) seq++;
    expect(table.sizeBytes).toBeLessThanOrEqual(small.capBytes);
    for (let known = 1; known < session; known++) {
      expect(begin(table, op(known, 1), START)).toBe(Duplicate);
    }
    // What the client has finished makes room.
    expect(apply(table, op(1, seq, seq), START, 99)).toBe(Apply);
  });

  it('stays below its cap with the default limits, whatever clients do', () => {
    const table = new SessionTable();
    let session = 0;
    for (; apply(table, op(session, 1), START, 1) === Apply; session++);
    expect(session).toBeGreaterThan(60_000);
    let isFull = false;
    for (let i = 0; !isFull; i++) {
      for (let seq = 2; seq < 20; seq++) isFull ||= apply(table, op(i, seq), START, 1) === Busy;
    }
    const writer = new ByteWriter();
    table.encode(writer);
    expect(writer.size).toBe(table.sizeBytes + 4);
    expect(writer.size).toBeLessThan(4 << 20);
  });

  it('does as a simple model does, also after it was written and read again', () => {
    const ops = fc.record({
      session: fc.integer({ min: 1, max: 3 }),
      startedAt: fc.constantFrom(START, START + 3 * MINUTE),
      seq: fc.integer({ min: 1, max: 14 }),
      firstIncomplete: fc.integer({ min: 0, max: 14 }),
      waitMinutes: fc.constantFrom(0, 0, 0, 1, 4, 11),
      result: fc.option(
        fc.record({ sizeBytes: fc.constantFrom(0, 20, 60, 250), failed: fc.boolean() }),
      ),
      thenRestore: fc.boolean(),
      thenExpire: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(ops, { maxLength: 60 }), (steps) => {
        let table = new SessionTable(small);
        const model = new Model();
        let now = START;
        steps.forEach((step, i) => {
          now += step.waitMinutes * MINUTE + 1;
          const known = { ...step, firstIncomplete: Math.min(step.firstIncomplete, step.seq) };
          const result = step.result && resultOf(step.result.sizeBytes, step.result.failed);
          const expected = model.apply(known, now, i + 1, result);
          const verdict = apply(table, known, now, i + 1, result);
          expect(verdict).toBe(expected.verdict);
          if (verdict === Duplicate) expect(recalled(table)).toEqual(expected.recalled);
          if (step.thenExpire) expect(table.expire(now)).toBe(model.expire(now));
          if (step.thenRestore) {
            const again = restored(table, small);
            expect([again.size, again.sizeBytes]).toEqual([table.size, table.sizeBytes]);
            table = again;
          }
          expect(table.size).toBe(model.rows.size);
        });
      }),
      { numRuns: 300 },
    );
  });
});

/** Revision, whether there was a result, whether its compare failed, its size if it was kept. */
type Recalled = [number, boolean, boolean, number | null];

/** S16 as one would tell it, with maps. */
class Model {
  readonly rows = new Map<
    string,
    { lastUse: number; first: number; done: Map<number, Recalled> }
  >();

  apply(
    op: Op,
    now: number,
    revision: number,
    result: OpResult | null,
  ): { verdict: SessionVerdict; recalled?: Recalled } {
    const name = `${op.session}/${op.startedAt}`;
    let row = this.rows.get(name);
    if (row === undefined) {
      if (Math.abs(now - op.startedAt) >= 5 * MINUTE) return { verdict: UnknownSession };
      if (this.#bytes() + 42 + 11 > small.rowsBelowBytes) return { verdict: Busy };
      const first = Math.max(1, op.firstIncomplete);
      if (op.seq - first >= small.openSeqs) return { verdict: Busy };
      row = { lastUse: now, first, done: new Map() };
      this.rows.set(name, row);
    }
    row.lastUse = now;
    row.first = Math.max(row.first, op.firstIncomplete);
    for (const seq of row.done.keys()) if (seq < row.first) row.done.delete(seq);
    if (op.seq < row.first) return { verdict: Forgotten };
    const before = row.done.get(op.seq);
    if (before !== undefined) return { verdict: Duplicate, recalled: before };
    if (op.seq - row.first >= small.openSeqs) return { verdict: Busy };
    if (this.#bytes() + 11 > small.capBytes) return { verdict: Busy };
    const sizeBytes = result?.bytes?.length ?? 0;
    const isKept = this.#bytes() + 13 + sizeBytes <= small.resultsBelowBytes;
    row.done.set(op.seq, [
      revision,
      result !== null,
      result?.compareFailed ?? false,
      result !== null && isKept ? sizeBytes : null,
    ]);
    return { verdict: Apply };
  }

  expire(now: number): number {
    let count = 0;
    for (const [name, row] of this.rows) {
      if (now - row.lastUse < 10 * MINUTE) continue;
      this.rows.delete(name);
      count++;
    }
    return count;
  }

  #bytes(): number {
    let bytes = 0;
    for (const row of this.rows.values()) {
      bytes += 42 + 11 * row.done.size;
      for (const [, , , sizeBytes] of row.done.values()) {
        if (sizeBytes !== null) bytes += 2 + sizeBytes;
      }
    }
    return bytes;
  }
}
