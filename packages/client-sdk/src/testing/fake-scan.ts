import {
  decodeScanRest,
  decodeScanToken,
  encodeScanToken,
  isScanRest,
  mayBeAnyReplica,
} from '@dougdb/facade';
import { DougError, readLevel, ScanRequest, ScanResponse } from '@dougdb/rpc-proto';
import { headerOf, routeOf } from './fake-answers.js';
import type { FakeCluster } from './fake-cluster.js';
import { revisionRefusal } from './fake-reads.js';
import { kvOf } from './fake-txn.js';

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
  const { reverse, keysOnly, countOnly } = request;
  const { partitionId = 0, epochVersion = 0 } = request.context ?? {};
  const level = readLevel(request.consistency, request.revision, request.maxAgeMs);
  const isAny = mayBeAnyReplica(level.consistency);
  const from = request.token.length === 0 ? null : readToken(request.token, cluster.clusterId);
  let { start, end } = from ?? request;
  /** The view; 0: none yet. */
  let at = from?.revision ?? request.revision;
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
    const first = cluster.partitions.find(({ id }) => id === partitionId)?.start ?? start;
    const { partition, node } = cluster.serving(address, first, named, isAny);
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
    partition.expire(cluster.logTime);
    if (at === 0) at = partition.revision;
    const refusal = revisionRefusal(partition, at);
    if (refusal !== null) throw refusal;
    // Of a scan the header tells the revision of the view.
    const header = {
      ...headerOf(cluster, partition, node.nodeId, level.consistency),
      revision: at,
    };
    const all = partition.entries(start, end, at);
    if (countOnly) {
      const count = Math.min(left, all.length);
      yield ScanResponse.encode(ScanResponse.create({ header, count })).finish();
      return;
    }
    if (reverse) all.reverse();
    const kvs = all.slice(0, Math.min(cluster.chunkEntries, left));
    left -= kvs.length;
    const isLast = kvs.length === all.length || left === 0;
    const last = kvs.at(-1)?.key ?? start;
    const resumeKey = reverse ? last : Uint8Array.of(...last, 0);
    const rest = reverse ? { start, end: resumeKey } : { start: resumeKey, end };
    const view = { partitionId: partition.id, epochVersion: partition.epochVersion, revision: at };
    const token = { ...view, ...rest, reverse };
    yield ScanResponse.encode({
      header,
      kvs: kvs.map((entry) => kvOf(entry, keysOnly)),
      count: 0,
      token: isLast ? new Uint8Array(0) : encodeScanToken(token, cluster.clusterId),
      resumeKey: isLast ? undefined : resumeKey,
    }).finish();
    if (isLast) return;
    if (reverse) end = resumeKey;
    else start = resumeKey;
  }
}

/** Of a facade the token is one of scans over partitions. @throws DougError INVALID_ARGUMENT */
function readToken(bytes: Uint8Array, clusterId: Uint8Array) {
  if (!isScanRest(bytes)) return decodeScanToken(bytes, clusterId);
  const { start, end, view } = decodeScanRest(bytes);
  return { start, end, revision: view?.revision ?? 0 };
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
