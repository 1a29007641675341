import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DougClient } from '@dougdb/client';
import {
  type ContractTarget,
  describeContract,
} from '../../../packages/client-sdk/test/contract/contract.js';
import { DevCluster, runToEnd } from '../src/index.js';

const DOUG_NODE = join(__dirname, '../../../apps/node/bin/doug-node.mjs');

/** Processes on real disks. The tests leave each other's keys alone, so one cluster serves them all. */
describe('three processes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-contract-'));
  let cluster: DevCluster;
  let watcher: DougClient;

  beforeAll(async () => {
    cluster = await DevCluster.start(DOUG_NODE, ['--nodes', '3', '--dir', join(dir, 'dev')]);
    watcher = await DougClient.connect(cluster.endpoints, { timeoutMs: 60_000 });
  }, 120_000);

  afterAll(async () => {
    await watcher.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  const target = (endpoints: () => string): ContractTarget => ({
    // A machine that is busy with other things may be slow; what is refused is still refused at once.
    connect: (options) =>
      DougClient.connect({ endpoints: endpoints(), timeoutMs: 60_000, ...options }),
    disturb: () => cluster.standStill(watcher),
    close: () => Promise.resolve(),
  });

  describeContract('straight to the nodes', async () => target(() => cluster.endpoints));

  it('let a program end by itself that has closed its clients, whatever was under way', async () => {
    const program = join(__dirname, '../dist/close-everything.js');
    const { code, stdout, stderr } = await runToEnd([program, cluster.endpoints]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(['DOUG_ABORTED', 'DOUG_BUSY', 'DOUG_CLOSED']);
  }, 60_000);
});
