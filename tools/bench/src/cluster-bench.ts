// npm run bench:cluster [-- --what etcd,facade,partitions --rounds 5 --seconds 20 --in-flight 1,64,256]
// Whole clusters of three members on this machine, side by side, fsync on.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare, type Plan } from './comparison.js';
import { DougCluster } from './doug-cluster.js';
import { EtcdCluster } from './etcd-cluster.js';

const comparisons = {
  etcd: againstEtcd,
  facade: facadeHop,
  partitions: manyPartitions,
} as const;
type Name = keyof typeof comparisons;

const { values } = parseArgs({
  options: {
    what: { type: 'string', default: 'etcd,facade,partitions' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '20' },
    'in-flight': { type: 'string', default: '1,64,256' },
  },
});
const plan: Plan = {
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  operations: ['put', 'get'],
  inFlight: values['in-flight'].split(',').map(Number),
};

const dir = mkdtempSync(join(tmpdir(), 'doug-bench-'));
const stops: (() => Promise<void>)[] = [];
try {
  for (const name of values.what.split(',')) {
    if (!(name in comparisons)) {
      throw new Error(`--what ${name}: one or more of ${Object.keys(comparisons).join(',')}`);
    }
    const table = await comparisons[name as Name](join(dir, name));
    console.log(`\n${table}`);
    await stopAll();
  }
} finally {
  await stopAll();
  rmSync(dir, { recursive: true, force: true });
}

/** DougDB: its SDK in one process, random keys of 16 bytes, values of 100; etcd: h2load, one hot key. */
async function againstEtcd(home: string): Promise<string> {
  for (const tool of ['etcd', 'h2load']) {
    if (spawnSync(tool, ['--version']).error !== undefined) {
      return `### DougDB beside etcd\n\nNOT MEASURED: ${tool} is not installed (Debian: etcd-server, nghttp2-client)`;
    }
  }
  const doug = await start(`${home}-doug`);
  const etcd = await EtcdCluster.start(home);
  stops.push(() => etcd.stop());
  return run('DougDB beside etcd', [etcd, await doug.contender('doug', 'members')]);
}

/** The same cluster, straight and through its facade. */
async function facadeHop(home: string): Promise<string> {
  const doug = await start(home);
  return run('The facade hop', [
    await doug.contender('direct', 'members'),
    await doug.contender('facade', 'facade'),
  ]);
}

/** Clusters of equal members with the same keys in 1, 4 and 16 partitions. */
async function manyPartitions(home: string): Promise<string> {
  const contenders = [];
  for (const partitions of [1, 4, 16]) {
    const doug = await start(`${home}-${partitions}`, partitions);
    contenders.push(await doug.contender(`${partitions} partitions`, 'members'));
  }
  return run('1, 4 and 16 partitions', contenders);
}

async function start(home: string, partitions = 1): Promise<DougCluster> {
  const cluster = await DougCluster.start(home, partitions);
  stops.push(() => cluster.stop());
  return cluster;
}

function run(title: string, contenders: Parameters<typeof compare>[1]): Promise<string> {
  return compare(title, contenders, plan, (line) => console.error(line));
}

async function stopAll(): Promise<void> {
  await Promise.allSettled(stops.splice(0).map((stop) => stop()));
}
