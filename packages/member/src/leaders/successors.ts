import type { Clock } from '@dougdb/ports';
import { type LeaderCounts, leastLeading } from './choose.js';

/** So long a choice is counted before it shows in who leads. */
const CHOSEN_MS = 1_000;

export interface SuccessorsOptions {
  readonly clock: Clock;
  readonly counts: () => LeaderCounts;
  readonly isDraining: (nodeId: number) => boolean;
}

/**
 * Who leads next when a replica here hands over: a node that goes down has many leaderships to give away
 * in one moment, and should not give all of them to one other.
 */
export class Successors {
  readonly #options: SuccessorsOptions;
  readonly #chosen: { readonly nodeId: number; readonly atMs: number }[] = [];

  constructor(options: SuccessorsOptions) {
    this.#options = options;
  }

  /** @param nodeIds - could lead @returns 0: no wish */
  readonly choose = (nodeIds: readonly number[]): number => {
    const { clock, counts, isDraining } = this.#options;
    const nowMs = clock.monotonicMs();
    while ((this.#chosen[0]?.atMs ?? nowMs) < nowMs - CHOSEN_MS) this.#chosen.shift();
    const expected = new Map(counts());
    for (const { nodeId } of this.#chosen) expected.set(nodeId, (expected.get(nodeId) ?? 0) + 1);
    const nodeId = leastLeading(
      expected,
      nodeIds.filter((candidate) => !isDraining(candidate)),
    );
    if (nodeId !== 0) this.#chosen.push({ nodeId, atMs: nowMs });
    return nodeId;
  };
}
