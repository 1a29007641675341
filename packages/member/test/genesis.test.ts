import { DescribeRequest, DescribeResponse } from '@dougdb/rpc-proto';
import { TestCluster, type TestNode } from './test-cluster.js';

async function clusterIdOf(node: TestNode): Promise<string> {
  const bytes = await node.unary('/dougdb.v1.Routes/Describe', DescribeRequest.encode({}).finish());
  return Buffer.from(DescribeResponse.decode(bytes).clusterId).toString('hex');
}

describe('genesis', () => {
  it.each([1, 3, 5])('makes one cluster of %i members that elect a leader', async (count) => {
    const cluster = new TestCluster(count);
    cluster.startAll();
    await cluster.ready();
    const ids = new Set<string>();
    for (const node of cluster.nodes) ids.add(await clusterIdOf(node));
    expect(ids.size).toBe(1);
    for (const node of cluster.nodes) {
      expect(node.deaths).toEqual([]);
      await node.close();
      expect(node.fs.openPaths).toEqual([]);
    }
  });
});
