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

/**
 * A seeded workload that remembers all states it went through, and which of them were acknowledged: after a
 * crash the WAL must show one of these states, no older than the newest acknowledged one.
 */
export class History {
  readonly model = new Model();
  /** State after each part of each step; states[0] is the empty one. */
  readonly states: string[] = [''];
  readonly #hints: ReadonlyMap<number, number>[] = [new Map()];
  /** For each state the hints at the end of the step that it is a part of. */
  readonly #stepEnds: ReadonlyMap<number, number>[] = [];
  /** Index of the newest acknowledged state. */
  acked = 0;
  /** A callback was told of a failure. */
  failed = false;
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
      if (!(await this.#apply(rig, wal, step))) return;
      const before = this.states.length;
      applyToModel(this.model, step, () => this.#remember());
      // The first frame of an append tells the hint already, as far as its entries reach.
      const end = this.#hints[this.#hints.length - 1] ?? new Map<number, number>();
      for (let state = before; state < this.states.length; state++) this.#stepEnds[state] = end;
      if (this.#random.chance(0.6)) {
        const state = this.states.length - 1;
        const ack = synced(wal).then((error) => {
          if (error === null) this.acked = Math.max(this.acked, state);
          if (error !== null) this.failed = true;
          else if (this.failed) throw new Error('acknowledged after a failure');
        });
        if (this.#random.chance(0.5)) await rig.run(ack);
      }
      if (this.#random.chance(0.05)) await rig.scheduler.advance(this.#random.int(200));
    }
  }

  /** False: the WAL has ended. A lack of space is waited out. */
  async #apply(rig: Rig, wal: Wal, step: Step): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        applyToWal(wal, step);
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

  /** Finds the WAL's state among those it may have; answers which. */
  check(wal: Wal): number {
    const found = showWal(wal);
    let problem = '';
    for (let state = this.states.length - 1; state >= this.acked; state--) {
      if (this.states[state] !== found) continue;
      // Several states may look alike but for their hints.
      problem = this.#wrongHints(wal, state);
      if (problem === '') return state;
    }
    if (problem !== '') throw new Error(problem);
    const older = this.states.indexOf(found);
    throw new Error(
      older >= 0
        ? `state ${older} is older than the acknowledged ${this.acked}\n${found}`
        : `no state of the history (acknowledged ${this.acked} of ${this.states.length - 1}):\n${found}\nacknowledged:\n${this.states[this.acked]}\nnewest:\n${this.states[this.states.length - 1]}`,
    );
  }

  #wrongHints(wal: Wal, state: number): string {
    const told = this.#hints[state] ?? new Map<number, number>();
    for (const id of new Set([...wal.logIds(), ...told.keys()])) {
      const hint = wal.log(id).commitHint();
      const most = Math.max(told.get(id) ?? 0, this.#stepEnds[state]?.get(id) ?? 0);
      if (hint > most) return `hint ${hint} of log ${id} was never told (at most ${most})`;
      const least = state === this.acked ? (told.get(id) ?? 0) : 0;
      if (hint < least) return `hint ${hint} of log ${id} is below the acknowledged ${least}`;
    }
    return '';
  }

  #remember(): void {
    this.states.push(this.model.show());
    this.#hints.push(new Map([...this.model.logs].map(([id, log]) => [id, log.hint])));
  }
}
