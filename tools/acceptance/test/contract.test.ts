import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DougClient } from '@dougdb/client';
import {
  type ContractTarget,
  describeContract,
} from '../../../packages/client-sdk/test/contract/contract.js';
import {
  DOUG_FACADE,
  DOUG_NODE,
  FIRST_DATA_PARTITION,
  ProcessCluster,
  type Program,
  runToEnd,
} from '../src/index.js';

/** Of five, that of the keys from 'w' on. */
const LAST_PARTITION = FIRST_DATA_PARTITION + 4;

/** Processes on real disks. The tests leave each other's keys alone, so one cluster serves them all. */
describe('three processes with five partitions', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-contract-'));
  let cluster: ProcessCluster;
  let watcher: DougClient;
  const facades: Program[] = [];

  beforeAll(async () => {
    const splitAt = ['c', 'i', 'p', 'w'];
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 3, { splitAt });
    watcher = await DougClient.connect(cluster.endpoints, { timeoutMs: 60_000 });
    for (let i = 0; i < 2; i++) {
      facades.push(await cluster.startFacade(DOUG_FACADE));
    }
  }, 120_000);

  afterAll(async () => {
    await watcher.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  const target = (endpoints: string, disturb: () => Promise<void>): ContractTarget => ({
    // A machine that is busy with other things may be slow; what is refused is still refused at once.
    connect: (options) => DougClient.connect({ endpoints, timeoutMs: 60_000, ...options }),
    disturb,
    close: () => Promise.resolve(),
  });

  describeContract('straight to the nodes', async () =>
    target(cluster.endpoints, () => cluster.standStill(watcher, LAST_PARTITION)),
  );

  describeContract('through two facades', async () =>
    target(facades.map(({ address }) => address).join(','), async () => {
      // One dies, a leader stands still meanwhile, the other one drains: clients go back to the first.
      const [first, second] = facades as [Program, Program];
      await cluster.end(first, 'SIGKILL');
      await cluster.standStill(watcher, LAST_PARTITION);
      cluster.restart(first);
      expect(await cluster.end(second, 'SIGTERM')).toBe(0);
      cluster.restart(second);
    }),
  );

  it('let a program end by itself that has closed its clients, whatever was under way', async () => {
    const program = join(__dirname, '../dist/close-everything.js');
    const { code, stdout, stderr } = await runToEnd([program, cluster.endpoints]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(['DOUG_ABORTED', 'DOUG_BUSY', 'DOUG_CLOSED']);
  }, 60_000);
});
