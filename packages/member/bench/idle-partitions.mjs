// What partitions cost a member that does nothing: memory, open files, processor time.
// After a build: node --expose-gc packages/member/bench/idle-partitions.mjs [COUNT]
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Member } from '@dougdb/member';
import { silentLogger, silentMetrics } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { defaultReplicaSettings } from '@dougdb/replica';
import { PutRequest } from '@dougdb/rpc-proto';

const COUNT = Number(process.argv[2] ?? 64);
const IDLE_MS = 5_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Not durable: only its size matters here. */
class HardStates {
  #values = new Map();
  get(id) {
    return this.#values.get(id) ?? null;
  }
  put(id, value) {
    this.#values.set(id, value.slice());
    return Promise.resolve();
  }
  replicaIds() {
    return [...this.#values.keys()];
  }
  close() {
    return Promise.resolve();
  }
}

async function bytesHeld() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await wait(50);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measure(partitions) {
  const dataDir = mkdtempSync(join(tmpdir(), 'doug-idle-'));
  const clock = new NodeClock();
  const splitAt = Array.from({ length: partitions - 1 }, (_, at) =>
    Buffer.from(`key-${String(at + 1).padStart(6, '0')}`),
  );
  const before = await bytesHeld();
  const files = readdirSync('/proc/self/fd').length;
  const began = performance.now();
  const hardState = new HardStates();
  const member = await Member.open({
    dataDir,
    fs: new NodeFs(),
    clock,
    random: new NodeRandom(),
    logger: silentLogger,
    metrics: silentMetrics,
    network: {
      openLink: () => ({ send: () => false, close() {} }),
      genesis: () => Promise.reject(new Error('nobody')),
    },
    openHardState: () => Promise.resolve(hardState),
    advertise: '127.0.0.1:1',
    join: [],
    settings: {
      splitAt,
      replicationFactor: 5,
      tickMs: 10,
      replica: defaultReplicaSettings,
      memtableBytes: 16 << 20,
      memtableBudgetBytes: 64 << 20,
      blockCacheBytes: 96 << 20,
      walSegmentBytes: 16 << 20,
    },
    onFatal: (code, error) => console.error('fatal', code, error),
    version: 'bench',
  });
  await member.whenJoined();
  while (member.notReadyReason() !== null) await wait(5);
  const readyMs = performance.now() - began;
  const fresh = await bytesHeld();
  for (let at = 0; at < partitions; at++) {
    const key = Buffer.from(`key-${String(at).padStart(6, '0')}`);
    const put = PutRequest.encode(
      PutRequest.fromPartial({ key, value: Buffer.from('v') }),
    ).finish();
    await member.unary('/dougdb.v1.Doug/Put', put, { deadlineMs: clock.monotonicMs() + 5_000 });
  }
  const written = await bytesHeld();
  const cpu = process.cpuUsage();
  await wait(IDLE_MS);
  const { user, system } = process.cpuUsage(cpu);
  const opened = readdirSync('/proc/self/fd').length - files;
  await member.close();
  rmSync(dataDir, { recursive: true, force: true });
  const held = (now) => now - before;
  return {
    readyMs,
    fresh: held(fresh),
    written: held(written),
    opened,
    cpuPercent: (user + system) / 10 / IDLE_MS,
  };
}

await measure(1); // code is compiled, and what is made once is made
const one = await measure(1);
const many = await measure(COUNT);
const kib = (bytes) => (bytes / 1024).toFixed(1);
const each = (name) => kib((many[name] - one[name]) / (COUNT - 1));
console.log(
  `1 partition: ready in ${one.readyMs.toFixed(0)} ms, ${one.cpuPercent.toFixed(1)} % of a core while idle`,
);
console.log(
  `${COUNT} partitions: ready in ${many.readyMs.toFixed(0)} ms, ${many.cpuPercent.toFixed(1)} % of a core while idle`,
);
console.log(
  `each further partition holds ${each('fresh')} KiB when it is new, ${each('written')} KiB after one put`,
);
console.log(`and ${((many.opened - one.opened) / (COUNT - 1)).toFixed(1)} open files`);
