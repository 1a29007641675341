import type { LogIndex, Term } from '../ids.js';
import {
  COMPACTED,
  type Compacted,
  type Storage,
  UNAVAILABLE,
  type Unavailable,
} from '../storage.js';

/**
 * The terms of a log as runs of equal terms: a few numbers for any length (openraft's log_id_list).
 * It answers every question about terms without touching the storage. Terms never fall along a log,
 * so a run is found by bisection and a conflict is skipped a whole term at a time.
 *
 * The first run begins at the edge: the index before the first entry kept, whose term is known.
 */
export class TermRuns {
  /** First index of each run, ascending. Never empty. */
  #firsts: LogIndex[];
  #terms: Term[];
  #last: LogIndex;

  constructor(edgeIndex: LogIndex, edgeTerm: Term) {
    this.#firsts = [edgeIndex];
    this.#terms = [edgeTerm];
    this.#last = edgeIndex;
  }

  /** Reads the runs of a stored log in O(runs * log n) calls of storage.term(). */
  static of(storage: Storage): TermRuns {
    const edge = storage.firstIndex() - 1;
    const last = storage.lastIndex();
    const runs = new TermRuns(edge, Math.max(0, storage.term(edge)));
    for (let index = edge + 1; index <= last; ) {
      const term = storage.term(index);
      let low = index;
      let high = last;
      while (low < high) {
        const middle = low + Math.ceil((high - low) / 2);
        if (storage.term(middle) === term) low = middle;
        else high = middle - 1;
      }
      runs.append(term, low - index + 1);
      index = low + 1;
    }
    return runs;
  }

  get edge(): LogIndex {
    return this.#firsts[0]!;
  }

  get lastIndex(): LogIndex {
    return this.#last;
  }

  get lastTerm(): Term {
    return this.#terms[this.#terms.length - 1]!;
  }

  get count(): number {
    return this.#terms.length;
  }

  term(index: LogIndex): Term | Compacted | Unavailable {
    if (index > this.#last) return UNAVAILABLE;
    if (index < this.edge) return COMPACTED;
    return this.#terms[this.#runOf(index)]!;
  }

  /** `count` entries of `term` follow the last one. */
  append(term: Term, count: number): void {
    if (term !== this.lastTerm) {
      this.#firsts.push(this.#last + 1);
      this.#terms.push(term);
    }
    this.#last += count;
  }

  /** Removes `index` and everything above it; index > edge. */
  truncateFrom(index: LogIndex): void {
    while (this.#firsts.length > 1 && this.#firsts[this.#firsts.length - 1]! >= index) {
      this.#firsts.pop();
      this.#terms.pop();
    }
    this.#last = index - 1;
  }

  /** Forgets what lies below `edge`; edge <= lastIndex. */
  compactTo(edge: LogIndex): void {
    if (edge <= this.edge) return;
    const run = this.#runOf(edge);
    this.#firsts = this.#firsts.slice(run);
    this.#terms = this.#terms.slice(run);
    this.#firsts[0] = edge;
  }

  /**
   * Greatest index at or below `index` whose term is at or below `term`; an index below the edge (its
   * term unknown) if all known ones are above. Here two logs may agree at the latest when one of
   * them holds `term` at `index` (etcd log.go, findConflictByTerm).
   */
  findConflictByTerm(index: LogIndex, term: Term): LogIndex {
    const from = Math.min(index, this.#last);
    if (from < this.edge) return from;
    let end = from;
    for (let run = this.#runOf(from); run >= 0; run--) {
      if (this.#terms[run]! <= term) return end;
      end = this.#firsts[run]! - 1;
    }
    return Math.max(0, end);
  }

  /** Most questions are about the newest terms: bisect only if it is not one of them. */
  #runOf(index: LogIndex): number {
    const firsts = this.#firsts;
    let high = firsts.length - 1;
    if (firsts[high]! <= index) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
