import { type Operation, SimRandom, type Verdict } from '@dougdb/ports/sim';
import { Host } from './support/host.js';
import { drawCrash } from './support/option-axes.js';
import { endSteps, playSteps } from './support/play-steps.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';
import { machineOf, WORKLOADS, type Workload } from './support/workloads.js';

// Loops over hundreds of faults: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

const SHARE = 12;

/** What a disk may do without telling anybody. */
const LIES: Readonly<Record<string, (operation: Operation, random: SimRandom) => Verdict | null>> =
  {
    'a write that goes to another place': ({ kind, offset }, random) =>
      kind === 'write' ? { fault: 'misdirect', position: random.int(offset + 800) } : null,
    'a sync that does nothing': ({ kind }) =>
      kind === 'datasync' || kind === 'syncDir' ? { fault: 'lie' } : null,
  };

/** How a run ended: with everything shown right, or with damage that was found and told. */
async function playWith(
  workload: Workload,
  ordinal: number,
  lie: (operation: Operation, random: SimRandom) => Verdict | null,
  random: SimRandom,
): Promise<'right' | 'told'> {
  const machine = machineOf(workload, random.seed);
  machine.fs.onOperation((operation) =>
    operation.ordinal === ordinal ? (lie(operation, random) ?? 'ok') : 'ok',
  );
  const options = { freezes: 'in steps', crash: () => drawCrash(random), mayForget: true } as const;
  const host = new Host(machine, options);
  try {
    await host.ensureUp();
    await playSteps(host, workload.steps);
    await host.crash();
    await endSteps(host);
    return 'right';
  } catch (error) {
    if (!isToldDamage(error)) throw error;
    return 'told';
  }
}

/** Damage that names its file, somewhere among the causes. */
function isToldDamage(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, file } = at as { code?: unknown; file?: unknown };
    if (code === 'SST_CORRUPT' || code === 'SST_FOREIGN') return typeof file === 'string';
  }
  return false;
}

describe.each(Object.keys(LIES))('%s', (name) => {
  it('makes no wrong answer: all is right, or the damage is told with its file', async () => {
    const lie = LIES[name] as (operation: Operation, random: SimRandom) => Verdict | null;
    const seen = { right: 0, told: 0 };
    for (const workload of WORKLOADS) {
      const ordinals: number[] = [];
      const machine = machineOf(workload);
      machine.fs.onOperation((operation) => {
        if (lie(operation, new SimRandom(1)) !== null) ordinals.push(operation.ordinal);
        return 'ok';
      });
      const host = new Host(machine, { freezes: 'in steps' });
      await host.ensureUp();
      await playSteps(host, workload.steps);
      const random = new SimRandom(`${seed}/${workload.name}/${name}`);
      const share = isFull ? 1 : SHARE;
      for (let i = random.int(share); i < ordinals.length; i += share) {
        const ordinal = ordinals[i] as number;
        try {
          seen[await playWith(workload, ordinal, lie, random.fork(`${ordinal}`))]++;
        } catch (error) {
          const where = `operation ${ordinal} of '${workload.name}'`;
          throw new Error(`${where}; replay: ${replayOf(name)}`, { cause: error });
        }
      }
    }
    console.log(`seed ${seed}, ${name}: ${JSON.stringify(seen)}`);
    expect(seen.right + seen.told).toBeGreaterThan(8);
    if (isFull) expect(Math.min(seen.right, seen.told)).toBeGreaterThan(0);
  });
});
