import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DougClient } from '@dougdb/client';
import {
  type ContractTarget,
  describeContract,
} from '../../../packages/client-sdk/test/contract/contract.js';
import { DevCluster } from '../src/index.js';

const DOUG_NODE = join(__dirname, '../../../apps/node/bin/doug-node.mjs');

/** Processes on real disks; their trouble is a leader that stands still until another one leads. */
async function devCluster(): Promise<ContractTarget> {
  const dir = mkdtempSync(join(tmpdir(), 'doug-contract-'));
  const cluster = await DevCluster.start(DOUG_NODE, ['--nodes', '3', '--dir', join(dir, 'dev')]);
  const watcher = await DougClient.connect(cluster.endpoints, { timeoutMs: 60_000 });
  return {
    connect: (options) =>
      DougClient.connect({ endpoints: cluster.endpoints, timeoutMs: 60_000, ...options }),
    disturb: () => cluster.standStill(watcher),
    close: async () => {
      await watcher.close();
      await cluster.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeContract('on three processes', devCluster);
