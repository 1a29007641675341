import {
  compareEnds,
  compareKeys,
  decodeScanToken,
  encodeScanToken,
  type ScanToken,
} from '@dougdb/facade';
import type { Clock } from '@dougdb/ports';
import type { Replica, ScanView } from '@dougdb/replica';
import {
  Consistency,
  DougError,
  decodeRequest,
  limits,
  type PartitionDescriptor,
  type ReadLevel,
  type RequestContext,
  readLevel,
  ScanRequest,
} from '@dougdb/rpc-proto';
import { compareBytes } from '../compare-bytes.js';
import type { CallContext, ScanOutput } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { ScanChunks, type ScanTask } from './scan-chunks.js';

/** So long a scan waits for the state that it is to show, a revision from the future for one. */
const VIEW_WAIT_MS = 30_000;

/**
 * dougdb.v1.Doug/Scan: chunks in key order from one consistent view. A chunk is made only after the
 * one before was taken, so that a slow caller costs one chunk of memory and an iterator, and no longer
 * than for a time: see {@link ScanChunks}.
 * @throws DougError, always NOT_APPLIED
 */
export async function handleScan(
  view: ClusterView,
  clock: Clock,
  bytes: Uint8Array,
  { deadlineMs }: CallContext,
  output: ScanOutput,
): Promise<void> {
  const request = decodeRequest(ScanRequest, bytes);
  const level = readLevel(request.consistency, request.revision, request.maxAgeMs);
  const token =
    request.token.length === 0 ? null : decodeScanToken(request.token, view.self.clusterId);
  const task = token === null ? plainTask(request, level) : resumedTask(request, token);
  const { context } = request;
  const replica =
    token === null ? replicaOf(view, context, task) : resumingReplica(view, context, token);
  // Whoever resumes names the view, and takes what of it is here: no epoch stands in the way.
  const epoch = token === null ? (context?.epochVersion ?? 0) : 0;
  // Scans may take long; to wait for a state that may never come is another matter.
  const openByMs = Math.min(deadlineMs, clock.monotonicMs() + VIEW_WAIT_MS);
  const seen = await replica.scan({ ...rangeOf(task), deadlineMs: openByMs }, epoch);
  try {
    // INVARIANT(scan-one-view): what goes on shows what the chunks before it did.
    if (token !== null && seen.revision !== token.revision) {
      throw new DougError('INTERNAL', `revision ${seen.revision} for one at ${token.revision}`);
    }
    const chunks = new ScanChunks({
      ...{ task, clock, deadlineMs, output },
      iterator: seen.iterator,
      beyond: beyondPartition(replica.descriptor, task),
      header: { ...view.header(replica, seen.mark), revision: seen.revision },
      tokenAt: (rest) => encodeScanToken(tokenOf(replica, seen, rest), view.self.clusterId),
    });
    await chunks.send();
  } finally {
    seen.iterator.close();
  }
}

/** @throws DougError INVALID_ARGUMENT */
function plainTask(request: ScanRequest, level: ReadLevel): ScanTask {
  checkBounds(request);
  const { start, end, limit, reverse, keysOnly, countOnly } = request;
  return {
    level,
    // The iterator lives longer than the buffer of the request may.
    start: start.slice(),
    end: end.slice(),
    ...{ reverse, keysOnly, countOnly },
    limit: limit === 0 ? Number.POSITIVE_INFINITY : limit,
  };
}

/** Start, end and revision are the token's, the rest the request's. @throws DougError INVALID_ARGUMENT */
function resumedTask(request: ScanRequest, token: ScanToken): ScanTask {
  if (request.reverse !== token.reverse) {
    throw new DougError('INVALID_ARGUMENT', 'the token is of a scan in the other direction');
  }
  const { start, end, revision } = token;
  const level = { consistency: Consistency.CONSISTENCY_AT_REVISION, argument: revision };
  const none = new Uint8Array(0);
  return { ...plainTask({ ...request, start: none, end: none }, level), start, end };
}

function rangeOf({ start, end, reverse, keysOnly, countOnly, level }: ScanTask) {
  return { start, end, reverse, keysOnly: keysOnly || countOnly, level };
}

function replicaOf(
  view: ClusterView,
  context: RequestContext | undefined,
  { start, end, reverse }: ScanTask,
): Replica {
  return reverse ? view.replicaBelow(context, end) : view.replicaFor(context, start);
}

/**
 * The replica of the partition whose view it is: revisions are of one partition, so no other can serve it.
 * @throws DougError INVALID_ARGUMENT; EPOCH_MISMATCH when this node has none
 */
function resumingReplica(
  view: ClusterView,
  context: RequestContext | undefined,
  { partitionId, start }: ScanToken,
): Replica {
  const named = context?.partitionId ?? 0;
  if (named !== 0 && named !== partitionId) {
    throw new DougError(
      'INVALID_ARGUMENT',
      `the token goes on in partition ${partitionId}, not in ${named}`,
    );
  }
  const clusterId = context?.clusterId ?? new Uint8Array(0);
  return view.replicaFor({ clusterId, partitionId, epochVersion: 0 }, start);
}

function tokenOf(
  { partitionId, descriptor }: Replica,
  { revision }: ScanView,
  { start, end, reverse }: ScanTask,
): ScanToken {
  const epochVersion = descriptor.epoch?.version ?? 0;
  return { partitionId, epochVersion, revision, start, end, reverse };
}

/**
 * Where the asked range goes on behind this partition. Whoever asked for more than one partition must not
 * take the end of this one for the end of the range.
 */
function beyondPartition(
  descriptor: PartitionDescriptor,
  { start, end, reverse }: ScanTask,
): Uint8Array | undefined {
  if (reverse) return compareKeys(start, descriptor.start) < 0 ? descriptor.start : undefined;
  return compareEnds(end, descriptor.end) > 0 ? descriptor.end : undefined;
}

/** @throws DougError INVALID_ARGUMENT */
function checkBounds({ start, end }: ScanRequest): void {
  for (const bound of [start, end]) {
    if (bound.length > limits.keyBytes) {
      throw new DougError(
        'INVALID_ARGUMENT',
        `a bound of ${bound.length} bytes is longer than a key`,
      );
    }
  }
  if (end.length > 0 && compareBytes(start, end) > 0) {
    throw new DougError('INVALID_ARGUMENT', 'the start of the range lies behind its end');
  }
}
