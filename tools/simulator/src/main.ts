// npm run sim -- --seed N replays one run; --seconds S runs fresh seeds for so long; both say what they did.
// --partitions P: so many of users' data (default: 1 or 4, as the seed says).
import { parseArgs } from 'node:util';
import { runSwarm } from './swarm.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    partitions: { type: 'string' },
  },
});
const partitions = values.partitions === undefined ? undefined : Number(values.partitions);
const base = values.seed ?? `${Date.now()}`;
const until = performance.now() + Number(values.seconds) * 1000;
let runs = 0;
let virtualMs = 0;
let operations = 0;
let terms = 0;
let unknown = 0;
let looks = 0;
let refused = 0;
do {
  const seed = values.seed ?? `${base}-${runs}`;
  try {
    const result = await runSwarm(seed, partitions);
    runs++;
    virtualMs += result.virtualMs;
    operations += result.history.length;
    terms += result.elections;
    unknown += result.history.filter((op) => op.status === 'unknown').length;
    looks += result.history.filter((op) => op.look !== undefined).length;
    refused += result.history.filter((op) => op.look?.compareFailed).length;
    if (result.violations.length > 0) fail(seed, result.violations.join('\n'));
    if (values.seed !== undefined) console.log(`trace ${result.digest}`);
  } catch (error) {
    fail(seed, String((error as Error).stack ?? error));
  }
} while (values.seed === undefined && performance.now() < until && process.exitCode === undefined);
console.log(
  `${runs} runs from seed ${base}, ${(virtualMs / 1000).toFixed(0)} simulated seconds, ${operations} operations, ${unknown} of unknown outcome, ${looks} looked first and ${refused} of them were refused, ${terms} terms`,
);

function fail(seed: string, what: string): void {
  const more = partitions === undefined ? '' : ` --partitions ${partitions}`;
  console.error(`seed ${seed} failed; replay with: npm run sim -- --seed ${seed}${more}\n${what}`);
  process.exitCode = 1;
}
