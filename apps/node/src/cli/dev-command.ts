import { resolve } from 'node:path';
import { UsageError } from '@dougdb/host';
import { splitKeysFault } from '@dougdb/member';
import { childrenOf, startCluster } from '../dev/dev-cluster.js';
import { planCluster } from '../dev/plan.js';
import { hints, jsonLine, plainLine } from '../dev/ready-text.js';

const INTERNAL_ERROR = 1;
/** So long the members wait for the facade to end. */
const HEAD_START_MS = 2_000;

/**
 * `doug-node dev`: members and a facade, until Ctrl-C or SIGTERM. A process that dies is told of and
 * stays dead, so that one can watch what the cluster does without it.
 * @throws UsageError
 */
export async function runDev(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const dir = resolve(String(flags.dir));
  const plan = await planCluster({
    dir,
    nodes: wholeNumber('--nodes', flags.nodes),
    portBase: wholeNumber('--port-base', flags.portBase),
    splitAt: splitKeys(flags.splitAt),
    leaseReads: flags.leaseReads === true ? true : null,
  });
  const history = flags.history === undefined ? null : String(flags.history);
  const cluster = startCluster(plan, dir, { history });
  const children = childrenOf(cluster);
  let stopping = false;

  const stop = async (code: number): Promise<void> => {
    if (stopping) process.exit(INTERNAL_ERROR);
    stopping = true;
    // First what clients see, so that what it waits for is still answered.
    const facadeEnded = cluster.facade.stop();
    await Promise.race([facadeEnded, passed(HEAD_START_MS)]);
    await Promise.all([facadeEnded, ...cluster.members.map(({ child }) => child.stop())]);
    process.exit(code);
  };
  const stopOn = (code: number): void => {
    stop(code).catch((error: unknown) => {
      console.error(error);
      process.exit(INTERNAL_ERROR);
    });
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopOn(0));

  let alive = cluster.members.length;
  let ready = false;
  for (const child of children) {
    void child.ended.then(({ code, signal }) => {
      if (child !== cluster.facade) alive--;
      if (stopping) return;
      const how = signal === null ? `exit code ${code}` : signal;
      console.error(`${child.name} (pid ${child.pid}) ended: ${how}. Its log: ${child.logFile}`);
      if (!ready) {
        console.error(child.logTail());
        stopOn(code === null || code === 0 ? INTERNAL_ERROR : code);
      } else if (alive === 0) stopOn(INTERNAL_ERROR);
      else console.error(`to start it again: ${child.command}`);
    });
  }
  await Promise.all(children.map((child) => child.whenReady()));
  if (stopping) return;
  ready = true;
  if (flags.json === true) {
    console.log(jsonLine(dir, cluster));
    return;
  }
  console.log(plainLine(dir, cluster));
  console.error(hints(cluster));
}

function passed(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** @throws UsageError */
function splitKeys(value: unknown): string[] | null {
  if (value === undefined) return null;
  const keys = String(value).split(',');
  const fault = splitKeysFault(keys.map((key) => new TextEncoder().encode(key)));
  if (fault !== null) throw new UsageError(`--split-at: ${fault}`);
  return keys;
}

/** @throws UsageError */
function wholeNumber(flag: string, value: unknown): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (/^\d+$/.test(String(value)) && number <= 65_535) return number;
  throw new UsageError(`${flag} ${String(value)}: must be a whole number up to 65535`);
}
