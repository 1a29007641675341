// npm run bench:cluster [-- --rounds 5 --seconds 20]: DougDB and etcd, three members each, side by side.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuUs } from './cpu.js';
import { DougCluster } from './doug-cluster.js';
import { EtcdCluster } from './etcd-cluster.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '20' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

for (const tool of ['etcd', 'h2load']) {
  if (spawnSync(tool, ['--version']).error !== undefined) {
    console.error(
      `${tool} is not installed (Debian: etcd-server, nghttp2-client): nothing measured`,
    );
    process.exit(1);
  }
}

const cases = (['put', 'get'] as const).flatMap((operation) =>
  [1, 64, 256].map((inFlight) => ({
    operation,
    inFlight,
    ratios: [] as number[],
    rows: [] as Row[],
  })),
);

interface Row {
  readonly doug: number;
  readonly etcd: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** µs of CPU per operation: client, leader, followers (mean). */
  readonly dougCpu: readonly [number, number, number];
  readonly etcdCpu: readonly [number, number];
}

const dir = mkdtempSync(join(tmpdir(), 'doug-bench-'));
const doug = await DougCluster.start(join(dir, 'doug'));
const etcd = await EtcdCluster.start(dir);
try {
  for (let round = 0; round < rounds; round++) {
    for (const one of cases) {
      const row = await measure(one.operation, one.inFlight, round % 2 === 0);
      one.rows.push(row);
      one.ratios.push(row.doug / row.etcd);
      console.error(
        `round ${round + 1} ${one.operation} x${one.inFlight}: doug ${row.doug.toFixed(0)}/s, etcd ${row.etcd.toFixed(0)}/s`,
      );
    }
  }
} finally {
  await Promise.allSettled([doug.stop(), etcd.stop()]);
  rmSync(dir, { recursive: true, force: true });
}
print();

async function measure(
  operation: 'put' | 'get',
  inFlight: number,
  dougFirst: boolean,
): Promise<Row> {
  const runDoug = async () => {
    const before = [process.pid, ...doug.pids].map(cpuUs);
    const result = await doug.load(operation, inFlight, seconds);
    const used = [process.pid, ...doug.pids].map((pid, n) => cpuUs(pid) - (before[n] as number));
    return { result, used };
  };
  const runEtcd = async () => {
    const before = etcd.pids.map(cpuUs);
    const result = await etcd.load(operation, inFlight, seconds);
    return { result, used: etcd.pids.map((pid, n) => cpuUs(pid) - (before[n] as number)) };
  };
  const first = dougFirst ? await runDoug() : null;
  const other = await runEtcd();
  const own = first ?? (await runDoug());
  // CPU is counted over the warm-up second too: scale by the share of the measured time.
  const share = seconds / (seconds + 1);
  const per = (us: number | undefined, operations: number) => ((us ?? 0) * share) / operations;
  const [client, leader, ...followers] = own.used;
  const [etcdLeader, ...etcdFollowers] = other.used;
  const n = own.result.operations;
  const m = other.result.operations;
  return {
    doug: own.result.opsPerSecond,
    etcd: other.result.opsPerSecond,
    p50Ms: own.result.p50Ms,
    p99Ms: own.result.p99Ms,
    dougCpu: [per(client, n), per(leader, n), per(mean(followers), n)],
    etcdCpu: [per(etcdLeader, m), per(mean(etcdFollowers), m)],
  };
}

function print(): void {
  console.log(
    `${rounds} interleaved rounds of ${seconds} s, three members each on this machine, fsync on;`,
  );
  console.log(
    'DougDB: its SDK in one process, random keys of 16 bytes, values of 100; etcd: h2load, one hot key.',
  );
  console.log('');
  console.log(
    '| operation | doug/s | etcd/s | ratio median [min-max] | doug p50/p99 ms | CPU us/op doug client/leader/follower | etcd leader/follower |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const { operation, inFlight, rows, ratios } of cases) {
    const cpu = (pick: (row: Row) => number) => median(rows.map(pick)).toFixed(1);
    console.log(
      `| ${operation} x${inFlight} | ${median(rows.map((r) => r.doug)).toFixed(0)} | ${median(rows.map((r) => r.etcd)).toFixed(0)} ` +
        `| ${median(ratios).toFixed(2)} [${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}] ` +
        `| ${median(rows.map((r) => r.p50Ms)).toFixed(2)} / ${median(rows.map((r) => r.p99Ms)).toFixed(2)} ` +
        `| ${cpu((r) => r.dougCpu[0])} / ${cpu((r) => r.dougCpu[1])} / ${cpu((r) => r.dougCpu[2])} ` +
        `| ${cpu((r) => r.etcdCpu[0])} / ${cpu((r) => r.etcdCpu[1])} |`,
    );
  }
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function mean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
}
