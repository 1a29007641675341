// Runs contestants in turns and prints what they do in a second, and ratios of the first to each other one:
// the median of the rounds, and the lowest and highest. On a shared machine only ratios mean anything.
import { rounds } from './options.mjs';

/**
 * @param {string} title
 * @param {[name: string, run: () => number | Promise<number>][]} contestants each answers how much it did
 */
export async function compare(title, contestants, unit = 'ops') {
  const rates = new Map(contestants.map(([name]) => [name, []]));
  for (const [, run] of contestants) await run();
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const [name, run] of order) {
      const begun = performance.now();
      const count = await run();
      rates.get(name).push((count / (performance.now() - begun)) * 1000);
    }
  }
  const [[ours]] = contestants;
  console.log(`\n${title}`);
  for (const [name] of contestants) {
    const shown = `${format(median(rates.get(name)))} ${unit}/s`;
    const ratios = rates.get(ours).map((rate, round) => rate / rates.get(name)[round]);
    const ratio = name === ours ? '' : `${ours} is ${times(median(ratios))} (${spread(ratios)})`;
    console.log(`  ${name.padEnd(34)} ${shown.padStart(18)}  ${ratio}`);
  }
}

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function spread(list) {
  return `${times(Math.min(...list))} to ${times(Math.max(...list))}`;
}

function times(ratio) {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;
}

function format(rate) {
  return Math.round(rate).toLocaleString('en');
}

/** Reads that find nothing, or too little, would be fast: whoever measures them is told. */
export function expectAll(found, wanted, what) {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`);
}
