import type { Replica } from '@dougdb/replica';
import { bytesOf, put } from './support/commands.js';
import { type PlantedBug, worldWith } from './support/planted.js';
import { brief } from './support/sink.js';
import { TestCluster, type TestClusterOptions } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

type World = typeof Replica;
/** Answers what the replicas of the world show, as a line; the line of the real one is right. */
type Scenario = (world: World) => Promise<string>;

function started(world: World, options: TestClusterOptions = {}): Promise<TestCluster> {
  return TestCluster.started({ ...options, node: () => ({ replica: world }) });
}

async function seen(cluster: TestCluster, key: string): Promise<string> {
  const reads = cluster.running.map((node) => node.read(key, { level: 'eventual' }));
  return [...new Set((await cluster.run(Promise.all(reads))).map(brief))].join(', ');
}

const globals = globalThis as { plantedLogTime?: () => number };

/** Nobody can make an entry: a key whose time is over is still there. */
const withoutQuorum: Scenario = async (world) => {
  const cluster = await started(world);
  globals.plantedLogTime = () => cluster.node(1).replica.header().logTime;
  await cluster.writeUntilKnown(put('k', 'v', null, { ttlMs: 100 }));
  await cluster.untilEqual();
  for (const node of cluster.nodes) cluster.isolate(node.nodeId);
  await cluster.scheduler.advance(500);
  return seen(cluster, 'k');
};

/** A put is committed between the proposal of an expiry and its place in the log. */
const racingPut: Scenario = async (world) => {
  const cluster = await started(world);
  const leader = cluster.leader as TestNode;
  await cluster.writeUntilKnown(put('k', 'old', null, { ttlMs: 1000 }));
  const writtenMs = cluster.scheduler.nowMs;
  await cluster.untilEqual();
  await cluster.scheduler.advance(writtenMs + 960 - cluster.scheduler.nowMs);
  cluster.filter = (_from, to) => to === leader.nodeId;
  leader.send(put('k', 'new'));
  await cluster.scheduler.advance(80);
  cluster.filter = () => true;
  await cluster.scheduler.advance(1000);
  return seen(cluster, 'k');
};

/** Everybody starts again with what is in the tables alone. */
const restarted: Scenario = async (world) => {
  const settings = { freezeLogEntries: 4, retainLogBytes: 0 };
  const cluster = await started(world, { settings });
  await cluster.writeUntilKnown(put('k', 'v', null, { ttlMs: 2000 }));
  for (let i = 0; i < 9; i++) await cluster.writeUntilKnown(put('other', `${i}`));
  await cluster.untilEqual();
  await cluster.scheduler.advance(100);
  for (const node of cluster.nodes) node.crash();
  for (const node of cluster.nodes) await cluster.run(node.start());
  await cluster.untilLed();
  await cluster.scheduler.advance(3000);
  return seen(cluster, 'k');
};

/** The floor moves and tables are compacted; then a replica loses power and starts without the others. */
const floorAfterPowerLoss: Scenario = async (world) => {
  const cluster = await TestCluster.started({
    settings: { freezeLogEntries: 6, retainLogBytes: 0 },
    node: () => ({ replica: world, level0Tables: 100 }),
  });
  const [node] = cluster.followers as [TestNode];
  for (let i = 1; i <= 20; i++) await cluster.writeUntilKnown(put('k', `v${i}`));
  await cluster.untilEqual();
  const leader = cluster.leader as TestNode;
  await cluster.run(leader.replica.compact(20, leader.clock.monotonicMs() + 1000));
  await cluster.until('the floor', () => node.replica.status().historyFloor === 20);
  const compacted = node.db.compactRange();
  await cluster.run(compacted);
  node.crash();
  cluster.isolate(node.nodeId);
  await cluster.run(node.start());
  await cluster.until('service', () => node.replica.status().state === 'serving');
  const { historyFloor } = node.replica.status();
  return `floor ${historyFloor}, ${node.db.getSync(bytesOf('k'), Math.max(1, historyFloor))?.sequence}`;
};

const planted: readonly (PlantedBug & { readonly scenario: Scenario; readonly right: string })[] = [
  {
    name: 'a time to live is applied by whoever reads',
    file: 'read/table-reader.ts',
    find: 'if (found === null) {',
    replace:
      'if (found === null || (found.marked && expiresAtOf(found) <= globalThis.plantedLogTime())) {',
    scenario: withoutQuorum,
    right: 'found v 1',
  },
  {
    name: 'an expiry does not look at the revision',
    file: 'plan/plan-expire.ts',
    find: 'if (found === null || found.revision !== revision) return false;',
    replace: 'if (found === null) return false; else return true;',
    scenario: racingPut,
    right: 'found new 2',
  },
  {
    name: 'the keys with a time are not read after a start',
    file: 'ttl/expirer.ts',
    find: 'this.#isComplete = options.state.firstTtlRevision === 0;',
    replace: 'this.#isComplete = true;',
    scenario: restarted,
    right: 'absent',
  },
  {
    name: 'the state record forgets that there are times',
    file: 'format/replica-state-format.ts',
    find: 'writer.u53(state.firstTtlRevision);',
    replace: 'writer.u53(0);',
    scenario: restarted,
    right: 'absent',
  },
  {
    name: 'the floor that is applied goes to the database before it is durable',
    file: 'raft/frontier.ts',
    find: 'this.#logBytes += sizeBytes;',
    replace:
      'this.#logBytes += sizeBytes; this.#options.db.setHistoryFloor(this.#options.machine.state.historyFloor);',
    scenario: floorAfterPowerLoss,
    right: 'floor 0, 1',
  },
];

const loaded = (bug: PlantedBug | null): World => worldWith(bug)('replica.ts').Replica as World;

describe('a planted bug of history and times to live', () => {
  it.each(planted)('is found: $name', async ({ scenario, right, ...bug }) => {
    expect(await scenario(loaded(bug))).not.toBe(right);
    expect(await scenario(loaded(null))).toBe(right);
  });
});
