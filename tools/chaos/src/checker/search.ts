import type { Operation } from '../history/operation.js';
import { Configuration, type Move } from './configuration.js';
import type { KeyPlan, PlannedStep } from './key-plan.js';
import { ANY, APPENDS, KEEPS } from './step.js';
import { OTHER } from './value-table.js';
import { Visited } from './visited.js';

/** `none`: there is no order. `gave-up`: the bound on work was met before there was an answer. */
export type SearchOutcome = 'found' | 'none' | 'gave-up';

/**
 * `verdict`: as little work as possible. `explanation`: without rule 5, so that it goes on until something
 * does not fit and not only until something later cannot; the verdict is the same.
 */
export type SearchPurpose = 'verdict' | 'explanation';

/** Where the search got furthest and could not go on. */
export interface Impasse {
  /** What was placed, in order. */
  readonly placed: readonly Operation[];
  /** The value after it, by its id. */
  readonly value: number;
  /** The required steps of which one would have to come next. */
  readonly next: readonly PlannedStep[];
}

/** A configuration that is being left: its place in the undo list, and the ways out of it. */
interface Frame {
  readonly depth: number;
  readonly moves: readonly Move[];
  next: number;
}

/**
 * Looks for an order of the operations of one key in which each happens between its call and its return
 * and every answer is right: the algorithm of Wing and Gong, with Lowe's memory of the configurations
 * (what was placed, value) that were tried. One object, one run.
 *
 * A configuration is left by placing one more step. A required step can come next if no step that is
 * still open returned before it was called. What keeps the number of configurations small, and why the
 * verdict is the same as without:
 *
 * 1. A step that keeps the value is placed as soon as it may come next and its condition holds, without
 *    an alternative: in any order that places it later, it can be moved here, where it changes nothing.
 * 2. A write that does not look and leaves a value that nobody asks for is placed without an alternative
 *    where the value before is finished, see {@link Search.#isFinished} and {@link Search.#mayHelpLater}.
 * 3. An optional step (a write of unknown outcome) is placed only where the very next step looks at the
 *    value: an order in which a plain overwriting follows is as good without it, and so is one in which
 *    nothing follows. For the same reason it is placed only where it changes the value.
 * 4. Of optional steps that differ only in the time of their call, the earliest unused one is taken: in
 *    any order they can change places so.
 * 5. A configuration is dead when a value that an open step needs was left and no step that could bring
 *    it back (a base, see key-plan.ts) is unused. It has no successor that ends well.
 * 6. Configurations that can do no more than one that was entered before are not entered (visited.ts).
 */
export class Search {
  readonly #plan: KeyPlan;
  readonly #limit: number;
  readonly #purpose: SearchPurpose;
  readonly #at: Configuration;
  readonly #visited = new Visited();
  readonly #workOfOne: number;
  #impasse: Impasse | null = null;
  #impasseOpen = Number.POSITIVE_INFINITY;
  /** Work done, in the unit of the limit. */
  work = 0;

  /** @param limit - gives up after so much work: configurations, those of keys with many unknown writes weigh more */
  constructor(plan: KeyPlan, limit: number, purpose: SearchPurpose) {
    this.#plan = plan;
    this.#limit = limit;
    this.#purpose = purpose;
    this.#at = new Configuration(plan);
    // What remembering one costs in memory.
    this.#workOfOne = 1 + (plan.optional.length >> 8);
  }

  /** Unless an order was found: where it got furthest. */
  get impasse(): Impasse | null {
    return this.#impasse;
  }

  run(): SearchOutcome {
    const at = this.#at;
    const frames: Frame[] = [];
    for (let isAlive = true; ; ) {
      if (isAlive) {
        this.#settle();
        if (at.openCount === 0) return 'found';
        if (this.#visited.enter(at.name, at.used)) {
          this.work += this.#workOfOne;
          if (this.work > this.#limit) {
            this.#keepImpasse();
            return 'gave-up';
          }
          frames.push({ depth: at.depth, moves: this.#moves(), next: 0 });
        }
      }
      const move = this.#nextMove(frames);
      if (move === null) return 'none';
      const left = at.value;
      at.place(move);
      isAlive = at.value === left || this.#isAlive(left);
    }
  }

  /** Goes back to the last configuration that has an untried move. */
  #nextMove(frames: Frame[]): Move | null {
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      this.#at.undoTo(frame.depth);
      if (frame.next < frame.moves.length) return frame.moves[frame.next++] as Move;
      this.#keepImpasse();
      frames.pop();
    }
    return null;
  }

  /** Places what needs no alternative (rules 1 and 2), until there is no more of it. */
  #settle(): void {
    const at = this.#at;
    for (;;) {
      at.scan();
      const keeping = at.window.filter((index) => {
        const step = at.required(index);
        return step.leaves === KEEPS && at.holds(step);
      });
      for (const index of keeping) at.place(index);
      if (keeping.length > 0) continue;
      const unseen = this.#unseenWrite();
      if (unseen === undefined) return;
      at.place(unseen);
    }
  }

  /** Rule 2. */
  #unseenWrite(): number | undefined {
    const at = this.#at;
    if (at.comesAfterOptional || !this.#isFinished()) return undefined;
    return at.window.find((index) => {
      const step = at.required(index);
      return step.leaves === OTHER && isBlind(step) && !this.#mayHelpLater(step);
    });
  }

  /**
   * Whether nobody is left to whom the value matters: no open step needs it, and with appends it is one
   * that none can grow into. Then whatever comes before the next overwriting is as content with any
   * value that nobody asks for. (Those who say what the value is not are content with that one always.)
   */
  #isFinished(): boolean {
    const { value, observers } = this.#at;
    if (value === OTHER) return true;
    const { hasAppends, neededByOptional } = this.#plan;
    return !hasAppends && (observers[value] ?? 0) === 0 && neededByOptional[value] !== true;
  }

  /**
   * Whether a write that leaves a value that nobody asks for may be of more use later: to take away a
   * value before a step that says that it was not there. Only a value that can be written while the write
   * is still open counts.
   */
  #mayHelpLater(write: PlannedStep): boolean {
    const at = this.#at;
    if (this.#plan.hasAppends) return this.#plan.hasDiffering;
    const until = write.operation.return;
    for (const { leaves } of at.openUntil(until)) {
      if (leaves !== KEEPS && (at.differing[leaves] ?? 0) > 0) return true;
    }
    return this.#plan.optional.some(
      ({ step, operations }, c) =>
        (at.differing[step.leaves] ?? 0) > 0 &&
        (operations[at.used[c] as number]?.invoke ?? Number.POSITIVE_INFINITY) <= until,
    );
  }

  /** Moves out of the configuration that was scanned last: required steps by their return, then optional ones. */
  #moves(): Move[] {
    const at = this.#at;
    const mustLook = at.comesAfterOptional;
    const moves = at.window
      .filter((index) => {
        const step = at.required(index);
        return at.holds(step) && !(mustLook && isBlind(step));
      })
      .sort((a, b) => at.required(a).operation.return - at.required(b).operation.return);
    for (let c = 0; c < this.#plan.optional.length; c++) {
      if (this.#mayUse(c, mustLook)) moves.push(~c);
    }
    return moves;
  }

  #mayUse(c: number, mustLook: boolean): boolean {
    const at = this.#at;
    const { step, operations } = at.optional(c);
    const earliestUnused = operations[at.used[c] as number];
    if (earliestUnused === undefined || earliestUnused.invoke > at.earliestReturn) return false;
    if (!at.holds(step) || (mustLook && isBlind(step))) return false;
    const after = at.valueAfter(step);
    return after !== at.value && this.#isAskedFor(after);
  }

  /** Whether a condition that is still open can look at a value, or at what appending makes of it. */
  #isAskedFor(value: number): boolean {
    const { hasDiffering, hasAppends, neededByOptional } = this.#plan;
    if (hasDiffering) return true;
    if (value === OTHER) return false;
    return hasAppends || (this.#at.observers[value] ?? 0) > 0 || neededByOptional[value] === true;
  }

  /** Rule 5. @param left - the value that was there before the last step */
  #isAlive(left: number): boolean {
    if (this.#purpose === 'explanation') return true;
    if ((this.#at.observers[left] ?? 0) > 0 && !this.#canSee(left)) return false;
    if (!this.#plan.hasAppends) return true;
    // Appends in a wrong order make a value that was never there before, so looking at what was left finds
    // nothing: look at the next value that somebody needs as well.
    for (const { needs } of this.#at.openUntil(Number.POSITIVE_INFINITY)) {
      if (needs !== ANY) return this.#canSee(needs);
    }
    return true;
  }

  #canSee(id: number): boolean {
    const { value, bases } = this.#at;
    if (value === id || (bases[id] ?? 0) > 0) return true;
    return this.#plan.hasAppends && this.#plan.values.grows(value, id);
  }

  /** As many required steps as possible, and of equals the one with the fewest optional ones. */
  #keepImpasse(): void {
    const at = this.#at;
    const isBetter =
      at.openCount < this.#impasseOpen ||
      (at.openCount === this.#impasseOpen && at.depth < (this.#impasse?.placed.length ?? 0));
    if (!isBetter) return;
    at.scan();
    this.#impasseOpen = at.openCount;
    this.#impasse = {
      placed: at.order,
      value: at.value,
      next: at.window.map((index) => at.required(index)),
    };
  }
}

/** Overwrites whatever is there, without looking. */
function isBlind(step: PlannedStep): boolean {
  return step.needs === ANY && step.differs === ANY && step.leaves !== APPENDS;
}
