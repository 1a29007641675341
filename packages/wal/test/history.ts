import { SimRandom } from '@dougdb/ports/sim';
import type { Wal } from '../src/index.js';
import {
  applyToModel,
  applyToWal,
  type DrawOptions,
  drawStep,
  Model,
  type Step,
  showWal,
} from './model.js';
import { type Rig, synced } from './rig.js';

/** Bounds of the states that a WAL may show. */
export interface Moment {
  readonly acked: number;
  readonly newest: number;
}

/**
 * A seeded workload that remembers all states it went through, and which of them were acknowledged: after a
 * crash the WAL must show one of these states, no older than the newest acknowledged one.
 */
export class History {
  /** What the newest state is. */
  model = new Model();
  /** State after each part of each step; states[0] is the empty one. */
  readonly states: string[] = [''];
  readonly #models: Model[] = [new Model()];
  readonly #hints: ReadonlyMap<number, number>[] = [new Map()];
  /** For each state the hints at the end of the step that it is a part of. */
  readonly #stepEnds: ReadonlyMap<number, number>[] = [];
  /** Index of the newest acknowledged state. */
  acked = 0;
  /** A callback was told of a failure. */
  failed = false;
  /** What must never be, seen by a callback. */
  #broken = '';
  #life = 0;
  /** Steps that were refused for lack of space, and tried again. */
  refusals = 0;
  readonly #random: SimRandom;
  readonly #draw: DrawOptions;

  constructor(seed: number | string, draw: DrawOptions = { logs: 3, maxDataBytes: 400 }) {
    this.#random = new SimRandom(`history/${seed}`);
    this.#draw = draw;
  }

  /**
   * Runs so many steps; stops early when the WAL refuses. Some syncs are waited for, some overtake each
   * other, and sometimes time passes.
   */
  async run(rig: Rig, wal: Wal, steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const step = drawStep(this.#random, this.model, this.#draw);
      if (!(await this.play(rig, wal, step))) return;
      if (this.#random.chance(0.6)) {
        const ack = this.sync(wal);
        if (this.#random.chance(0.5)) await rig.run(ack);
      }
      if (this.#random.chance(0.05)) await rig.scheduler.advance(this.#random.int(200));
    }
  }

  /** Takes one step, at once; a lack of space is waited out. False: the WAL has ended. */
  async play(rig: Rig, wal: Wal, step: Step): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        applyToWal(wal, step);
        this.#remember(step);
        return true;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === 'WAL_FAILED' || code === 'WAL_CLOSED') return false;
        if (code !== 'WAL_NO_SPACE' || attempt === 3) throw error;
        this.refusals++;
        await rig.scheduler.advance(1100);
      }
    }
  }

  /** Asks for durability of all steps so far; ends when it was told. */
  sync(wal: Wal): Promise<void> {
    const state = this.states.length - 1;
    const life = this.#life;
    return synced(wal).then((error) => {
      if (life !== this.#life) return;
      if (error === null) this.acked = Math.max(this.acked, state);
      if (error !== null) this.failed = true;
      else if (this.failed) this.#broken = 'acknowledged after a failure';
    });
  }

  /** The process ended: nothing that it still says counts. */
  killed(): void {
    this.#life++;
    this.failed = false;
  }

  /** A start has shown one of the states, which it has made durable by that: steps go on from there. */
  resume(wal: Wal): void {
    const found = this.check(wal);
    this.model = this.#models[found]?.clone() ?? new Model();
    for (const id of wal.logIds()) this.model.log(id).hint = wal.log(id).commitHint();
    this.#push();
    this.#stepEnds[this.states.length - 1] = hintsOf(this.model);
    this.acked = this.states.length - 1;
  }

  /** What may be found after a crash at this very moment. */
  moment(): Moment {
    return { acked: this.acked, newest: this.states.length - 1 };
  }

  /** Finds the WAL's state among those it may have; answers which. */
  check(wal: Wal, { acked, newest }: Moment = this.moment()): number {
    if (this.#broken !== '') throw new Error(this.#broken);
    const found = showWal(wal);
    let problem = '';
    for (let state = newest; state >= acked; state--) {
      if (this.states[state] !== found) continue;
      // Several states may look alike but for their hints.
      problem = this.#wrongHints(wal, state, acked);
      if (problem === '') return state;
    }
    if (problem !== '') throw new Error(problem);
    const other = this.states.indexOf(found);
    throw new Error(
      other >= 0
        ? `state ${other} is not one of ${acked} (acknowledged) to ${newest}\n${found}`
        : `no state of the history (acknowledged ${acked} of ${newest}):\n${found}\nacknowledged:\n${this.states[acked]}\nnewest:\n${this.states[newest]}`,
    );
  }

  #wrongHints(wal: Wal, state: number, acked: number): string {
    const told = this.#hints[state] ?? new Map<number, number>();
    for (const id of new Set([...wal.logIds(), ...told.keys()])) {
      const hint = wal.log(id).commitHint();
      const most = Math.max(told.get(id) ?? 0, this.#stepEnds[state]?.get(id) ?? 0);
      if (hint > most) return `hint ${hint} of log ${id} was never told (at most ${most})`;
      const least = state === acked ? (told.get(id) ?? 0) : 0;
      if (hint < least) return `hint ${hint} of log ${id} is below the acknowledged ${least}`;
    }
    return '';
  }

  #remember(step: Step): void {
    const before = this.states.length;
    applyToModel(this.model, step, () => this.#push());
    // The first frame of an append tells the hint already, as far as its entries reach.
    const end = hintsOf(this.model);
    for (let state = before; state < this.states.length; state++) this.#stepEnds[state] = end;
  }

  #push(): void {
    this.states.push(this.model.show());
    this.#hints.push(hintsOf(this.model));
    this.#models.push(this.model.clone());
  }
}

function hintsOf(model: Model): ReadonlyMap<number, number> {
  return new Map([...model.logs].map(([id, log]) => [id, log.hint]));
}
