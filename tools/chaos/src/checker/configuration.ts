import type { Operation } from '../history/operation.js';
import type { KeyPlan, OptionalClass, PlannedStep } from './key-plan.js';
import { ANY, APPENDS, KEEPS } from './step.js';
import { ABSENT } from './value-table.js';

/** A step to place: the index of a required one, or ~class of an optional one. */
export type Move = number;

/**
 * Where the search stands: what was placed, in which order, and the value that it left. One object that
 * goes forward and back: every step is kept in an undo list.
 */
export class Configuration {
  readonly plan: KeyPlan;
  /** The value after everything that was placed. */
  value = ABSENT;
  /** Required steps that are not placed. */
  openCount: number;
  /** By optional class: how many were placed. */
  readonly used: Uint16Array;
  /** By value id: open required steps that need it, and such that need another. */
  readonly observers: Int32Array;
  readonly differing: Int32Array;
  /** By value id: unplaced steps that can be its base. */
  readonly bases: Int32Array;
  /** Of the last {@link scan}: open required steps that may come next, by time of the call. */
  window: readonly number[] = [];
  /** Of the last {@link scan}: the earliest return of an open step. */
  earliestReturn = 0;
  /** Of the last {@link scan}: what was placed of the required steps, and the value. */
  name = '';
  readonly #isPlaced: Uint8Array;
  /** The first required step that is not placed. */
  #first = 0;
  /** The undo list: steps in the order of placing, and the value before each. */
  readonly #trail: Move[] = [];
  readonly #valuesBefore: number[] = [];

  constructor(plan: KeyPlan) {
    this.plan = plan;
    this.openCount = plan.required.length;
    this.used = new Uint16Array(plan.optional.length);
    this.observers = countsOf(plan.observers);
    this.differing = countsOf(plan.differing);
    this.bases = countsOf(plan.baseCounts);
    this.#isPlaced = new Uint8Array(plan.required.length);
  }

  /** Steps that were placed: a mark for {@link undoTo}. */
  get depth(): number {
    return this.#trail.length;
  }

  /** Whether the last step that was placed is an optional one. */
  get comesAfterOptional(): boolean {
    return (this.#trail.at(-1) ?? 0) < 0;
  }

  /** What was placed, in order. */
  get order(): Operation[] {
    const used = new Map<number, number>();
    return this.#trail.map((move): Operation => {
      if (move >= 0) return this.required(move).operation;
      const nth = used.get(move) ?? 0;
      used.set(move, nth + 1);
      return this.optional(~move).operations[nth] as Operation;
    });
  }

  required(index: number): PlannedStep {
    return this.plan.required[index] as PlannedStep;
  }

  optional(index: number): OptionalClass {
    return this.plan.optional[index] as OptionalClass;
  }

  stepAt(move: Move): PlannedStep {
    return move >= 0 ? this.required(move) : this.optional(~move).step;
  }

  /** Whether the value is what a step says of the value before it. */
  holds(step: PlannedStep): boolean {
    if (step.isImpossible) return false;
    if (step.needs !== ANY) return step.needs === this.value;
    return step.differs !== this.value;
  }

  valueAfter(step: PlannedStep): number {
    if (step.leaves === KEEPS) return this.value;
    if (step.leaves !== APPENDS) return step.leaves;
    return this.plan.values.appended(this.value, step.suffix);
  }

  place(move: Move): void {
    const step = this.stepAt(move);
    this.#trail.push(move);
    this.#valuesBefore.push(this.value);
    this.value = this.valueAfter(step);
    this.#count(step, move, 1);
  }

  /** Takes steps back until there are so many. */
  undoTo(depth: number): void {
    while (this.#trail.length > depth) {
      const move = this.#trail.pop() as Move;
      this.value = this.#valuesBefore.pop() as number;
      this.#count(this.stepAt(move), move, -1);
    }
  }

  /** Open required steps that were called by a time, in the order of their calls. */
  *openUntil(time: number): Generator<PlannedStep> {
    const { length } = this.plan.required;
    for (let i = this.#first; i < length && this.required(i).operation.invoke <= time; i++) {
      if (this.#isPlaced[i] === 0) yield this.required(i);
    }
  }

  /**
   * Finds what may come next, and names the configuration. In the order of calls, no step behind the
   * first that was called after the earliest return may come next, or has been placed.
   */
  scan(): void {
    const { length } = this.plan.required;
    const window: number[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    let name = `${this.#first} ${this.value} ${this.comesAfterOptional ? '?' : '!'}`;
    let bits = 1;
    for (let i = this.#first; i < length; i++) {
      const { operation } = this.required(i);
      if (operation.invoke > earliest) break;
      const isPlaced = this.#isPlaced[i] === 1;
      bits = (bits << 1) | (isPlaced ? 1 : 0);
      if (bits >= 0x8000) {
        name += String.fromCharCode(bits);
        bits = 1;
      }
      if (isPlaced) continue;
      window.push(i);
      if (operation.return < earliest) earliest = operation.return;
    }
    this.name = name + String.fromCharCode(bits);
    this.window = window;
    this.earliestReturn = earliest;
  }

  #count(step: PlannedStep, move: Move, by: 1 | -1): void {
    for (const id of step.bases) change(this.bases, id, -by);
    if (move < 0) {
      this.used[~move] = (this.used[~move] as number) + by;
      return;
    }
    if (step.needs !== ANY) change(this.observers, step.needs, -by);
    if (step.differs !== ANY) change(this.differing, step.differs, -by);
    this.openCount -= by;
    this.#isPlaced[move] = by === 1 ? 1 : 0;
    if (by === -1) this.#first = Math.min(this.#first, move);
    else while (this.#isPlaced[this.#first] === 1) this.#first++;
  }
}

function change(counts: Int32Array, id: number, by: number): void {
  counts[id] = (counts[id] as number) + by;
}

/** A dense copy; the counts have holes. */
function countsOf(counts: readonly number[]): Int32Array {
  return Int32Array.from({ length: counts.length }, (_, id) => counts[id] ?? 0);
}
