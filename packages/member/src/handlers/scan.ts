import { compareEnds, compareKeys } from '@dougdb/facade';
import type { Clock } from '@dougdb/ports';
import {
  DougError,
  decodeRequest,
  type KeyValue,
  limits,
  type PartitionDescriptor,
  type ResponseHeader,
  ScanRequest,
  ScanResponse,
} from '@dougdb/rpc-proto';
import type { DbIterator } from '@dougdb/sstable';
import { compareBytes } from '../compare-bytes.js';
import type { CallContext, ScanOutput } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { servedConsistency, wireConsistency } from './consistency.js';

/** A slice of the loop for collecting a chunk; others get their turn in between. */
const SLICE_MS = 4;
/** How often the clock is looked at. */
const PAIRS_PER_LOOK = 64;
/** What a pair costs on the wire beside key and value, at most. */
const PAIR_OVERHEAD_BYTES = 32;
/** Room for the header and the resume key. */
const CHUNK_RESERVE_BYTES = 16 * 1024;

interface ScanState {
  readonly request: ScanRequest;
  readonly header: ResponseHeader;
  readonly iterator: DbIterator;
  /** Where the range goes on in another partition; undefined: it ends here. */
  readonly beyond: Uint8Array | undefined;
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Pairs still to be sent. */
  left: number;
}

/**
 * dougdb.v1.Doug/Scan: chunks in key order from one consistent view. A chunk is made only after the
 * one before was taken, so that a slow caller costs one chunk of memory.
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
  checkBounds(request);
  const consistency = servedConsistency(request.consistency);
  const { context, reverse, keysOnly } = request;
  // The iterator lives longer than the buffer of the request may.
  const start = request.start.slice();
  const end = request.end.slice();
  const replica = reverse ? view.replicaBelow(context, end) : view.replicaFor(context, start);
  const iterator = await replica.scan(
    { start, end, reverse, keysOnly, consistency, deadlineMs },
    context?.epochVersion ?? 0,
  );
  try {
    await sendChunks(
      {
        request,
        iterator,
        beyond: beyondPartition(replica.descriptor, request),
        deadlineMs,
        clock,
        header: view.header(replica, wireConsistency(consistency)),
        left: request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit,
      },
      output,
    );
  } finally {
    iterator.close();
  }
}

async function sendChunks(scan: ScanState, output: ScanOutput): Promise<void> {
  let more = scan.iterator.next();
  do {
    const kvs: KeyValue[] = [];
    if (more) more = await collect(scan, kvs, output);
    if (output.cancelled) return;
    refuseLate(scan, scan.clock.monotonicMs());
    const resumeKey = more ? resumeAt(scan, kvs) : scan.left > 0 ? scan.beyond : undefined;
    await output.send(
      ScanResponse.encode({
        header: scan.header,
        kvs,
        resumeKey,
        count: 0,
        token: new Uint8Array(0),
      }).finish(),
    );
  } while (more && !output.cancelled);
}

/**
 * Fills one chunk from where the iterator stands.
 * @returns whether it now stands on a pair for the next chunk
 */
async function collect(scan: ScanState, kvs: KeyValue[], output: ScanOutput): Promise<boolean> {
  const { iterator, clock } = scan;
  const { keysOnly } = scan.request;
  let sizeBytes = CHUNK_RESERVE_BYTES;
  let sliceEndMs = clock.monotonicMs() + SLICE_MS;
  for (;;) {
    const key = iterator.key().slice();
    const value = keysOnly ? new Uint8Array(0) : iterator.value().slice();
    kvs.push({ key, value, revision: iterator.sequence(), expiresAt: 0 });
    sizeBytes += key.length + value.length + PAIR_OVERHEAD_BYTES;
    scan.left--;
    if (scan.left === 0 || !iterator.next()) return false;
    const nextBytes = iterator.key().length + (keysOnly ? 0 : iterator.value().length);
    if (sizeBytes + nextBytes + PAIR_OVERHEAD_BYTES > limits.scanChunkBytes) return true;
    if (kvs.length % PAIRS_PER_LOOK !== 0 || clock.monotonicMs() < sliceEndMs) continue;
    refuseLate(scan, clock.monotonicMs());
    await new Promise<void>((resolve) => clock.defer(resolve));
    if (output.cancelled) return false;
    sliceEndMs = clock.monotonicMs() + SLICE_MS;
  }
}

/** Inclusive start of the next chunk; reversed: its exclusive end. */
function resumeAt(scan: ScanState, kvs: readonly KeyValue[]): Uint8Array | undefined {
  return scan.request.reverse ? kvs[kvs.length - 1]?.key : scan.iterator.key().slice();
}

/**
 * Where the asked range goes on behind this partition. Whoever asked for more than one partition must not
 * take the end of this one for the end of the range.
 */
function beyondPartition(
  descriptor: PartitionDescriptor,
  { start, end, reverse }: ScanRequest,
): Uint8Array | undefined {
  if (reverse) return compareKeys(start, descriptor.start) < 0 ? descriptor.start : undefined;
  return compareEnds(end, descriptor.end) > 0 ? descriptor.end : undefined;
}

function refuseLate({ deadlineMs }: ScanState, nowMs: number): void {
  if (nowMs >= deadlineMs) {
    throw new DougError('DEADLINE', 'the time ran out in the middle of a scan');
  }
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
