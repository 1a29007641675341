// Runs contestants in turns and prints what they do in a second, and ratios of the first to each other one:
// the median of the rounds, and the lowest and highest. On a shared machine only ratios mean anything; where
// it is crowded, those of the processor's time (all threads of the process) mean more than those of the clock.
import { rounds } from './options.mjs';

/**
 * @param {string} title
 * @param {[name: string, run: () => number | Promise<number>][]} contestants each answers how much it did
 */
export async function compare(title, contestants, unit = 'ops') {
  const measured = new Map(contestants.map(([name]) => [name, { wall: [], cpu: [] }]));
  for (const [, run] of contestants) await run();
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const [name, run] of order) {
      const used = process.cpuUsage();
      const begun = performance.now();
      const count = await run();
      const wallUs = (performance.now() - begun) * 1000;
      const { user, system } = process.cpuUsage(used);
      measured.get(name).wall.push(count / wallUs);
      measured.get(name).cpu.push(count / (user + system));
    }
  }
  const [[ours]] = contestants;
  console.log(`\n${title}`);
  for (const [name] of contestants) {
    const { wall, cpu } = measured.get(name);
    const shown = `${format(median(wall) * 1e6)} ${unit}/s`;
    const micros = `${(1 / median(cpu)).toFixed(2)} µs of CPU`;
    const ratio =
      name === ours
        ? ''
        : `${ours}: ${ratios(measured.get(ours).wall, wall)}, by CPU ${ratios(measured.get(ours).cpu, cpu)}`;
    console.log(`  ${name.padEnd(34)} ${shown.padStart(18)} ${micros.padStart(18)}  ${ratio}`);
  }
}

/** Median, lowest and highest of the rounds. */
function ratios(ours, theirs) {
  const list = ours.map((rate, round) => rate / theirs[round]);
  return `${times(median(list))} (${times(Math.min(...list))} to ${times(Math.max(...list))})`;
}

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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
