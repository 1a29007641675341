import type { SimRandom } from '@dougdb/ports/sim';

/** Everything that goes wrong, and everything an operator does. */
export const actionKinds = [
  'crash',
  'crash-loop',
  'kill-all',
  'pause',
  'isolate',
  'one-way',
  'bridge',
  'split',
  'ring',
  'clog',
  'filter',
  'slow-disk',
  'stalled-disk',
  'tail-lost',
  'entry-damaged',
  'compact',
  'transfer',
  'forget-leader',
  'campaign',
  'request-snapshot',
  'add-learner',
  'add-voter',
  'promote',
  'demote',
  'remove',
  'remove-leader',
  'replace',
  'any-change',
  'leave-joint',
] as const;
export type ActionKind = (typeof actionKinds)[number];

/**
 * One of them, drawn before the run: a list of actions can be shortened without changing the rest. Whom
 * it hits is decided when it begins, by its own numbers.
 */
export interface Action {
  readonly atUs: number;
  readonly kind: ActionKind;
  readonly durationUs: number;
  /** Uniform in [0, 1). */
  readonly draws: readonly [number, number, number, number];
}

export interface ActionRates {
  readonly kinds: readonly ActionKind[];
  /** Of all kinds together. */
  readonly meanPauseUs: number;
  readonly meanDurationUs: number;
}

/** Draws a run's actions. */
export function drawActions(random: SimRandom, untilUs: number, rates: ActionRates): Action[] {
  const actions: Action[] = [];
  if (rates.kinds.length === 0) return actions;
  for (let atUs = pause(random, rates.meanPauseUs); atUs < untilUs; ) {
    const kind = random.pick(rates.kinds);
    const draws = [draw(random), draw(random), draw(random), draw(random)] as const;
    const durationUs = pause(random, rates.meanDurationUs);
    actions.push({ atUs, kind, durationUs, draws });
    if (kind === 'crash-loop') {
      for (let i = 1; i < 4; i++) {
        actions.push({ atUs: atUs + i * 60_000, kind: 'crash', durationUs: 40_000, draws });
      }
    }
    atUs += pause(random, rates.meanPauseUs);
  }
  return actions;
}

/** Four digits are enough, and can be written down. */
const draw = (random: SimRandom): number => random.int(10_000) / 10_000;

const pause = (random: SimRandom, meanUs: number): number =>
  1 + Math.floor(-meanUs * Math.log(1 - random.next()));
