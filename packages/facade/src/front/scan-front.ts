import type { Clock } from '@dougdb/ports';
import {
  DougError,
  decodeRequest,
  limits,
  type RequestContext,
  type ResponseHeader,
  readLevel,
  ScanRequest,
  ScanResponse,
} from '@dougdb/rpc-proto';
import { compareKeys } from '../key-range.js';
import type { StreamOutput } from '../map/map-feed.js';
import { RangeScan, type ScanPlan, type ScanPorts } from '../scan/range-scan.js';
import type { CallContext } from './data-front.js';

/** Longest that one chunk may take, with all attempts. */
const CHUNK_TIMEOUT_MS = 30_000;

/**
 * dougdb.v1.Doug/Scan over partitions: chunks in key order, each from one partition. A chunk is fetched
 * only after the one before was taken, so that a slow caller costs one chunk of memory here and none on
 * the nodes.
 * @param checkContext - throws CLUSTER_MISMATCH, INVALID_ARGUMENT
 * @throws DougError, always NOT_APPLIED
 */
export async function serveScan(
  ports: ScanPorts,
  request: Uint8Array,
  { deadlineMs, signal }: CallContext,
  output: StreamOutput,
  checkContext: (context: RequestContext | undefined) => void,
): Promise<void> {
  const scan = decodeRequest(ScanRequest, request);
  checkContext(scan.context);
  checkBounds(scan);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  const timer = ports.clock.setTimer(deadlineMs - ports.clock.monotonicMs(), onAbort);
  const chunks = new RangeScan(ports, planOf(scan, ports.clock, deadlineMs), stop.signal);
  try {
    if (scan.countOnly) await sendCount(chunks, output);
    else await sendChunks(chunks, output);
  } catch (error) {
    if (ports.clock.monotonicMs() < deadlineMs) throw error;
    throw new DougError('DEADLINE', 'the time ran out in the middle of a scan', { cause: error });
  } finally {
    chunks.close();
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

async function sendChunks(scan: RangeScan, output: StreamOutput): Promise<void> {
  let resumeKey: Uint8Array | undefined;
  do {
    const chunk = await scan.next();
    resumeKey = chunk === null ? undefined : scan.resumeKey;
    const { header, kvs = [] } = chunk ?? {};
    const token = scan.token();
    await output.send(
      ScanResponse.encode({ header, kvs: [...kvs], resumeKey, count: 0, token }).finish(),
    );
  } while (resumeKey !== undefined);
}

/** One answer, the sum over all partitions. */
async function sendCount(scan: RangeScan, output: StreamOutput): Promise<void> {
  let count = 0;
  let header: ResponseHeader | undefined;
  for (let chunk = await scan.next(); chunk !== null; chunk = await scan.next()) {
    count += chunk.count;
    header = chunk.header;
  }
  const token = new Uint8Array(0);
  await output.send(
    ScanResponse.encode({ header, kvs: [], resumeKey: undefined, count, token }).finish(),
  );
}

function planOf(request: ScanRequest, clock: Clock, deadlineMs: number): ScanPlan {
  const { start, end, limit, reverse, keysOnly, countOnly, token } = request;
  const { consistency, revision, maxAgeMs } = request;
  return {
    // Copies: they live longer than the buffer of the request may.
    start: new Uint8Array(start),
    end: new Uint8Array(end),
    limit: limit === 0 ? Number.POSITIVE_INFINITY : limit,
    reverse,
    keysOnly,
    countOnly,
    level: readLevel(consistency, revision, maxAgeMs),
    token: new Uint8Array(token),
    timeoutMs: Math.min(CHUNK_TIMEOUT_MS, Math.max(1, deadlineMs - clock.monotonicMs())),
  };
}

/** @throws DougError INVALID_ARGUMENT */
function checkBounds({ start, end, consistency, revision, maxAgeMs }: ScanRequest): void {
  for (const { length } of [start, end]) {
    if (length <= limits.keyBytes) continue;
    throw new DougError('INVALID_ARGUMENT', `a bound of ${length} bytes is longer than a key`);
  }
  if (end.length > 0 && compareKeys(start, end) > 0) {
    throw new DougError('INVALID_ARGUMENT', 'the start of the range lies behind its end');
  }
  readLevel(consistency, revision, maxAgeMs);
}
