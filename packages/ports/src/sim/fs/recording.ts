import type { Clock } from '../../clock.js';
import type { SimRandom } from '../random.js';
import { type CrashPlan, crashPlans } from './crash-plans.js';
import type { DirectoryInode } from './directory-inode.js';
import type { DiskEffect } from './disk-effect.js';
import { DiskReplay } from './disk-replay.js';
import type { DiskTape } from './disk-tape.js';
import type { SimFs } from './sim-fs.js';
import type { CrashOptions } from './sim-fs-options.js';
import { randomKeep, type UnsyncedPart } from './unsynced-part.js';

/** Makes a disk of a tree as a power loss leaves it. */
export type DiskMaker = (root: DirectoryInode, options: CrashOptions) => SimFs;

export interface CrashStateOptions {
  /** Positions to look at, ascending. Default: each, from 0 to the last. */
  readonly positions?: Iterable<number>;
  /** Size at which writes may be torn. Default 512. */
  readonly sector?: number;
  /** Draws this many subsets of what is unsynced for each position, beside the plans. Default: none. */
  readonly drawn?: { readonly count: number; readonly random: SimRandom };
}

/** A disk as a power loss at some moment of a recorded run may have left it. */
export interface CrashState {
  /** So many effects had happened: compare with {@link Recording.length} at the moments that you noted. */
  readonly position: number;
  /** For people: what had happened last and what was kept. */
  readonly label: string;
  /** As {@link SimFs.dump}: two states with one dump look alike to a program that starts on them. */
  readonly dump: string;
  /** The disk, on this clock (default: the clock of the recorded one). A new one with each call. */
  disk(clock?: Clock): SimFs;
}

/**
 * What happened to a {@link SimFs} since {@link SimFs.record}: every change with its data, and when which sync
 * began and ended. From it the disk can be made again as it was after any number of effects, and as a power
 * loss at that moment may have left it, without running again what was recorded.
 */
export class Recording {
  readonly #tape: DiskTape;
  readonly #base: DirectoryInode;
  readonly #make: DiskMaker;

  /** @internal use SimFs.record */
  constructor(tape: DiskTape, base: DirectoryInode, make: DiskMaker) {
    this.#tape = tape;
    this.#base = base;
    this.#make = make;
  }

  /** Effects so far. Note it when something is acknowledged: what must survive is known then. */
  get length(): number {
    return this.#tape.effects.length;
  }

  /** In order; grows while the recording runs. */
  get effects(): readonly DiskEffect[] {
    return this.#tape.effects;
  }

  /** The disk as a power loss after so many effects leaves it. Default: with what was synced alone. */
  diskAt(position: number, options: CrashOptions = {}): SimFs {
    const replay = new DiskReplay(this.#base, this.#tape.effects);
    replay.goTo(position);
    return this.#make(replay.root, options);
  }

  /**
   * Crash states worth trying, position by position; see {@link crashPlans} for what is kept and lost. Those of
   * one position differ. One that looks like a state of an earlier position comes again, for more may have been
   * promised by then: who knows that nothing was, can tell by the dump.
   */
  *crashStates(options: CrashStateOptions = {}): Generator<CrashState, void, void> {
    const replay = new DiskReplay(this.#base, this.#tape.effects);
    const last = this.length;
    for (const position of options.positions ?? upTo(last)) {
      replay.goTo(position);
      yield* this.#statesOf(replay, options);
    }
  }

  *#statesOf(
    replay: DiskReplay,
    { sector = 512, drawn }: CrashStateOptions,
  ): Generator<CrashState, void, void> {
    const { root, position } = replay;
    const effect = this.#tape.effects[position - 1];
    const seen = new Set<string>();
    const parts = this.#partsOf(root, sector);
    const plans = crashPlans(parts);
    if (drawn !== undefined && parts.length > 1) plans.push(...drawnPlans(position, drawn));
    for (const plan of plans) {
      const fs = this.#make(root, { keep: plan.keep, sector });
      const dump = fs.dump();
      if (seen.has(dump)) continue;
      seen.add(dump);
      yield {
        position,
        label: labelOf(position, effect, plan),
        dump,
        disk: (clock) =>
          fs.crashClone({ keepUnsyncedPercent: 100, ...(clock === undefined ? {} : { clock }) }),
      };
    }
  }

  /** What is unsynced, as far as it can be seen while all or only the names are kept. */
  #partsOf(root: DirectoryInode, sector: number): UnsyncedPart[] {
    const parts = new Map<string, UnsyncedPart>();
    for (const keepsRemovals of [true, false]) {
      const keep = (part: UnsyncedPart): boolean => {
        const { kind, path, ordinal, index } = part;
        parts.set(`${kind} ${path} ${ordinal} ${index}`, part);
        return keepsRemovals || kind !== 'name';
      };
      this.#make(root, { keep, sector });
    }
    return [...parts.values()];
  }
}

function drawnPlans(
  position: number,
  { count, random }: { readonly count: number; readonly random: SimRandom },
): CrashPlan[] {
  return Array.from({ length: count }, (_, i) => {
    const draw = random.fork(`${position}/${i}`);
    return { label: `drawn ${i}`, keep: randomKeep(draw, 10 + draw.int(81)) };
  });
}

function* upTo(last: number): Generator<number, void, void> {
  for (let position = 0; position <= last; position++) yield position;
}

function labelOf(position: number, effect: DiskEffect | undefined, plan: CrashPlan): string {
  const after =
    effect === undefined ? 'nothing' : `${effect.effect} ${effect.path} (#${effect.ordinal})`;
  return `position ${position}, after ${after}; kept: ${plan.label}`;
}
