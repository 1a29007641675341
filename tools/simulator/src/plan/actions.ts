import type { SimRandom } from '@dougdb/ports/sim';

/** Everything that goes wrong, and what an operator does. */
export const actionKinds = [
  'crash',
  'crash-at-operation',
  'crash-all',
  'crash-loop',
  'kill',
  'pause',
  'pause-leader',
  'isolate',
  'isolate-leader',
  'one-way',
  'bridge',
  'split',
  'slow-link',
  'break-streams',
  'slow-disk',
  'slow-and-cut-off-leader',
  'jump-clock',
  'stop-replica',
  'transfer',
] as const;
export type ActionKind = (typeof actionKinds)[number];

/**
 * One of them, drawn before the run: a list of actions can be shortened without changing the rest. Whom it hits is
 * decided when it begins, by its own numbers.
 */
export interface Action {
  readonly atMs: number;
  readonly kind: ActionKind;
  readonly durationMs: number;
  /** Uniform in [0, 1). */
  readonly draws: readonly [number, number, number];
}

export interface ActionRates {
  readonly kinds: readonly ActionKind[];
  /** Of all kinds together. */
  readonly meanPauseMs: number;
  readonly meanDurationMs: number;
}

export function drawActions(random: SimRandom, untilMs: number, rates: ActionRates): Action[] {
  const actions: Action[] = [];
  if (rates.kinds.length === 0) return actions;
  for (let atMs = pause(random, rates.meanPauseMs); atMs < untilMs; ) {
    const kind = random.pick(rates.kinds);
    const draws = [draw(random), draw(random), draw(random)] as const;
    const durationMs = pause(random, rates.meanDurationMs);
    actions.push({ atMs, kind, durationMs, draws });
    atMs += pause(random, rates.meanPauseMs);
  }
  return actions;
}

/** Four digits are enough, and can be written down. */
const draw = (random: SimRandom): number => random.int(10_000) / 10_000;

const pause = (random: SimRandom, meanMs: number): number =>
  1 + Math.floor(-meanMs * Math.log(1 - random.next()));
