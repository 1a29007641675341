import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DougClient } from '@dougdb/client';
import {
  type ContractTarget,
  describeContract,
} from '../../../packages/client-sdk/test/contract/contract.js';
import { DevCluster, FacadeProcess, runToEnd } from '../src/index.js';

const APPS = join(__dirname, '../../../apps');
const DOUG_NODE = join(APPS, 'node/bin/doug-node.mjs');
const DOUG_FACADE = join(APPS, 'facade/bin/doug-facade.mjs');

/** Processes on real disks. The tests leave each other's keys alone, so one cluster serves them all. */
describe('three processes with five partitions', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-contract-'));
  let cluster: DevCluster;
  let watcher: DougClient;
  const facades: FacadeProcess[] = [];

  beforeAll(async () => {
    const args = ['--nodes', '3', '--dir', join(dir, 'dev'), '--split-at', 'c,i,p,w'];
    cluster = await DevCluster.start(DOUG_NODE, args);
    watcher = await DougClient.connect(cluster.endpoints, { timeoutMs: 60_000 });
    for (let i = 0; i < 2; i++) {
      facades.push(await FacadeProcess.start(DOUG_FACADE, cluster.endpoints));
    }
  }, 120_000);

  afterAll(async () => {
    await watcher.close();
    await Promise.all(facades.map((facade) => facade.end('SIGTERM')));
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
    target(cluster.endpoints, () => cluster.standStill(watcher)),
  );

  describeContract('through two facades', async () =>
    target(facades.map(({ address }) => address).join(','), async () => {
      // One dies, a leader stands still meanwhile, the other one drains: clients go back to the first.
      const [first, second] = facades as [FacadeProcess, FacadeProcess];
      await first.end('SIGKILL');
      await cluster.standStill(watcher);
      await first.start();
      expect(await second.end('SIGTERM')).toBe(0);
      await second.start();
    }),
  );

  it('let a program end by itself that has closed its clients, whatever was under way', async () => {
    const program = join(__dirname, '../dist/close-everything.js');
    const { code, stdout, stderr } = await runToEnd([program, cluster.endpoints]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(['DOUG_ABORTED', 'DOUG_BUSY', 'DOUG_CLOSED']);
  }, 60_000);
});
