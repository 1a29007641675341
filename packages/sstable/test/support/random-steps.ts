import type { SimRandom } from '@dougdb/ports/sim';
import type { Step } from './steps.js';

const KEYS = ['a', 'aa', 'ab', 'b', 'ba', 'c', 'long'.repeat(30)];

/** Draws steps: most of them write, some read, few do heavy work. */
export function drawSteps(random: SimRandom, count: number): Step[] {
  return Array.from({ length: count }, () => drawStep(random));
}

/** Kinds and their weights. One line adds one. */
const KINDS: readonly (readonly [weight: number, draw: (random: SimRandom) => Step])[] = [
  [30, (random) => ({ do: 'put', key: drawKey(random), sizeBytes: random.pick([4, 20, 60, 400]) })],
  [8, (random) => ({ do: 'put-marked', key: drawKey(random), sizeBytes: random.pick([4, 60]) })],
  [10, (random) => ({ do: 'delete', key: drawKey(random) })],
  [4, (random) => ({ do: 'command', keys: drawKeys(random) })],
  [6, () => ({ do: 'freeze' })],
  [5, (random) => ({ do: 'wait', ms: random.pick([0, 0.4, 3]) })],
  [10, (random) => ({ do: 'get', key: drawKey(random), ago: random.int(20) })],
  [5, (random) => ({ do: 'look', key: drawKey(random), ago: random.int(20) })],
  [9, drawIterate],
  [2, (random) => ({ do: 'floor', ago: random.int(25) })],
  [2, () => ({ do: 'flushed' })],
  [2, () => ({ do: 'compact' })],
  [1, () => ({ do: 'verify' })],
  [2, () => ({ do: 'reopen' })],
  [1, () => ({ do: 'crash' })],
  [1, () => ({ do: 'kill' })],
];

const TOTAL_WEIGHT = KINDS.reduce((sum, [weight]) => sum + weight, 0);

function drawStep(random: SimRandom): Step {
  let left = random.int(TOTAL_WEIGHT);
  for (const [weight, draw] of KINDS) {
    if (left < weight) return draw(random);
    left -= weight;
  }
  throw new RangeError('weights do not add up');
}

function drawIterate(random: SimRandom): Step {
  const start = random.chance(0.4) ? { start: drawKey(random) } : {};
  const end = random.chance(0.4) ? { end: drawKey(random) } : {};
  const seek = random.chance(0.3) ? { seek: drawKey(random) } : {};
  const ago = random.chance(0.5) ? 0 : random.int(20);
  return { do: 'iterate', reverse: random.chance(0.5), ago, ...start, ...end, ...seek };
}

function drawKeys(random: SimRandom): string[] {
  return [...new Set(Array.from({ length: 1 + random.int(5) }, () => drawKey(random)))];
}

function drawKey(random: SimRandom): string {
  return random.chance(0.4) ? random.pick(KEYS) : `k${random.int(30)}`;
}
