import { once } from 'node:events';
import { createHistogram } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DougClient } from '@dougdb/client';
import { startChild, stopChild } from './child.js';
import type { LoadResult } from './etcd-cluster.js';

const KEYS = 100_000;
const VALUE = 'v'.repeat(100);

interface ReadyMember {
  readonly address: string;
  readonly pid: number;
}

/** Three members of DougDB on loopback, started as a user would, and one client in this process. */
export class DougCluster {
  /** Leader first. */
  readonly pids: readonly number[];
  readonly #dev;
  readonly #client: DougClient;

  private constructor(
    dev: ReturnType<typeof startChild>,
    client: DougClient,
    pids: readonly number[],
  ) {
    this.#dev = dev;
    this.#client = client;
    this.pids = pids;
  }

  static async start(dir: string): Promise<DougCluster> {
    const bin = fileURLToPath(new URL('../../../apps/node/bin/doug-node.mjs', import.meta.url));
    const args = [bin, 'dev', '--nodes', '3', '--port-base', '0', '--json', '--dir', dir];
    const dev = startChild(process.execPath, args, { DOUG_LOG_LEVEL: 'warn' });
    const lines = createInterface({ input: dev.child.stdout });
    const [line] = (await Promise.race([once(lines, 'line'), dev.failed])) as [string];
    const { members } = JSON.parse(line) as { members: ReadyMember[] };
    const client = await DougClient.connect(members.map((m) => m.address).join(','), {
      timeoutMs: 30_000,
    });
    await client.put('warm', 'up');
    const leader = await leaderIndex(client, members);
    const order = [leader, ...members.keys()].filter((n, i, all) => all.indexOf(n) === i);
    return new DougCluster(
      dev,
      client,
      order.map((n) => (members[n] as ReadyMember).pid),
    );
  }

  /** So many asynchronous loops, each awaiting its put or linearizable get of a random key. */
  async load(
    operation: 'put' | 'get',
    inFlight: number,
    seconds: number,
  ): Promise<LoadResult & { readonly p50Ms: number; readonly p99Ms: number }> {
    const histogram = createHistogram();
    let measuring = false;
    let operations = 0;
    let until = Number.POSITIVE_INFINITY;
    const loop = async (): Promise<void> => {
      while (performance.now() < until) {
        const key = `bench/${String(Math.floor(Math.random() * KEYS)).padStart(10, '0')}`;
        const began = performance.now();
        await (operation === 'put' ? this.#client.put(key, VALUE) : this.#client.get(key));
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

  async stop(): Promise<void> {
    await this.#client.close();
    await stopChild(this.#dev.child);
  }
}

async function leaderIndex(client: DougClient, members: readonly ReadyMember[]): Promise<number> {
  for (const [n, member] of members.entries()) {
    const status = await client.admin.status(member.address);
    if (status.replicas.some((replica) => replica.role === 'leader')) return n;
  }
  throw new Error('no member says that it leads');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
