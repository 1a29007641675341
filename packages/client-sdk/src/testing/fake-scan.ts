import { Consistency, DougError, ScanRequest, ScanResponse } from '@dougdb/rpc-proto';
import { headerOf, routeOf } from './fake-answers.js';
import type { FakeCluster } from './fake-cluster.js';

/** A call with many answers: scans only. Each chunk is judged as an item of its own. */
export async function* fakeStream(
  cluster: FakeCluster,
  address: string,
  path: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (path !== '/dougdb.v1.Doug/Scan') throw new DougError('UNIMPLEMENTED', `no ${path} here`);
  const request = ScanRequest.decode(bytes);
  const { reverse, keysOnly } = request;
  const { partitionId = 0, epochVersion = 0 } = request.context ?? {};
  const isEventual = request.consistency === Consistency.CONSISTENCY_EVENTUAL;
  let { start, end } = request;
  let left = request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit;
  for (;;) {
    await oneWay(cluster, address, signal);
    if (signal.aborted) throw new DougError('ABORTED', 'cancelled', { outcome: 'NOT_APPLIED' });
    if (cluster.isDown(address)) throw new DougError('NO_LEADER', 'down');
    if (cluster.isFrozen(address)) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      continue;
    }
    const named = { partitionId, epochVersion };
    const at = cluster.partitions.find(({ id }) => id === partitionId)?.start ?? start;
    const { partition, node } = cluster.serving(address, at, named, isEventual);
    // The range is the client's: where a partition ends must be known alike on both sides.
    if (partition.id !== partitionId || partition.epochVersion !== epochVersion) {
      throw new DougError('EPOCH_MISMATCH', 'another epoch', {
        route: routeOf(cluster, partition),
      });
    }
    const verdict = cluster.judge({
      kind: 'scan',
      key: new TextDecoder().decode(reverse ? end : start),
      node: node.nodeId,
      address,
      resend: false,
      timeoutMs: 0,
      message: cluster.messages++,
      ordinal: cluster.arrived++,
    });
    if (typeof verdict === 'object') throw new DougError(verdict.refuse, 'as told');
    if (verdict !== 'serve') throw new DougError('IN_DOUBT', 'the stream broke');
    const all = partition.entries(start, end);
    if (reverse) all.reverse();
    const kvs = all.slice(0, Math.min(cluster.chunkEntries, left));
    left -= kvs.length;
    const isLast = kvs.length === all.length || left === 0;
    const last = kvs.at(-1)?.key ?? start;
    const resumeKey = reverse ? last : Uint8Array.of(...last, 0);
    yield ScanResponse.encode({
      header: headerOf(cluster, partition, node.nodeId, isEventual),
      kvs: kvs.map(({ key, value, revision }) => ({
        key,
        value: keysOnly ? new Uint8Array() : value,
        revision,
        expiresAt: 0,
      })),
      count: 0,
      token: new Uint8Array(0),
      resumeKey: isLast ? undefined : resumeKey,
    }).finish();
    if (isLast) return;
    if (reverse) end = resumeKey;
    else start = resumeKey;
  }
}

function oneWay(cluster: FakeCluster, address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    cluster.afterLatency(address, done);
    if (signal.aborted) done();
  });
}
