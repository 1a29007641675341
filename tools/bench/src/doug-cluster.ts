import { once } from 'node:events';
import { createHistogram } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DougClient } from '@dougdb/client';
import { startChild, stopChild } from './child.js';
import type { Contender, LoadResult, Operation } from './contender.js';

const KEYS = 100_000;
const VALUE = 'v'.repeat(100);

interface ReadyProcess {
  readonly address: string;
  readonly pid: number;
}

/** What `doug-node dev --json` says when all are up. */
interface ReadyLine {
  readonly members: readonly ReadyProcess[];
  readonly facade: ReadyProcess;
}

/** Members of DougDB on loopback with their facade, started as a user would. */
export class DougCluster {
  readonly #dev;
  readonly #ready: ReadyLine;
  readonly #clients: DougClient[] = [];

  private constructor(dev: ReturnType<typeof startChild>, ready: ReadyLine) {
    this.#dev = dev;
    this.#ready = ready;
  }

  /** @param partitions - of even shares of the keys that the load uses */
  static async start(dir: string, partitions = 1): Promise<DougCluster> {
    const bin = fileURLToPath(new URL('../../../apps/node/bin/doug-node.mjs', import.meta.url));
    const splits = Array.from({ length: partitions - 1 }, (_, n) =>
      keyOf(Math.floor(((n + 1) * KEYS) / partitions)),
    );
    const args = [bin, 'dev', '--nodes', '3', '--port-base', '0', '--json', '--dir', dir];
    if (splits.length > 0) args.push('--split-at', splits.join(','));
    const dev = startChild(process.execPath, args, { DOUG_LOG_LEVEL: 'warn' });
    const lines = createInterface({ input: dev.child.stdout });
    const [line] = (await Promise.race([once(lines, 'line'), dev.failed])) as [string];
    return new DougCluster(dev, JSON.parse(line) as ReadyLine);
  }

  /** This cluster as one side of a comparison: a client of its own, straight to the members or through the facade. */
  async contender(name: string, via: 'members' | 'facade'): Promise<Contender> {
    const { members, facade } = this.#ready;
    const direct = members.map((member) => member.address).join(',');
    const client = await DougClient.connect(via === 'facade' ? facade.address : direct, {
      timeoutMs: 30_000,
    });
    this.#clients.push(client);
    await client.put('warm', 'up');
    const processes = new Map<string, readonly number[]>([
      ['client', [process.pid]],
      ...members.map(({ pid }, n): [string, number[]] => [`n${n + 1}`, [pid]]),
    ]);
    if (via === 'facade') processes.set('facade', [facade.pid]);
    return {
      name,
      processes,
      load: (operation, inFlight, seconds) => load(client, operation, inFlight, seconds),
    };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await stopChild(this.#dev.child);
  }
}

/** So many asynchronous loops, each awaiting its put or linearizable get of a random key. */
async function load(
  client: DougClient,
  operation: Operation,
  inFlight: number,
  seconds: number,
): Promise<LoadResult> {
  const histogram = createHistogram();
  let measuring = false;
  let operations = 0;
  let until = Number.POSITIVE_INFINITY;
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      const key = keyOf(Math.floor(Math.random() * KEYS));
      const began = performance.now();
      await (operation === 'put' ? client.put(key, VALUE) : client.get(key));
      if (!measuring) continue;
      operations++;
      histogram.record(Math.max(1, Math.round((performance.now() - began) * 1000)));
    }
  };
  const loops = Array.from({ length: inFlight }, loop);
  await sleep(1000);
  measuring = true;
  const began = performance.now();
  until = began + seconds * 1000;
  await Promise.all(loops);
  const elapsed = (performance.now() - began) / 1000;
  return {
    operations,
    opsPerSecond: operations / elapsed,
    p50Ms: histogram.percentile(50) / 1000,
    p99Ms: histogram.percentile(99) / 1000,
  };
}

function keyOf(n: number): string {
  return `bench/${String(n).padStart(10, '0')}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
