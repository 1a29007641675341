import {
  CommandView,
  Consistency,
  checkKeyBytes,
  DeleteRangeRequest,
  DeleteRangeResponse,
  DeleteRangeResult,
  DeleteRequest,
  DeleteResponse,
  DougError,
  decodeRequest,
  decodeWhole,
  encodeDelete,
  encodeDeleteRange,
  encodePut,
  encodeTxn,
  GetRequest,
  GetResponse,
  limits,
  type MessageDecoder,
  MultiGetRequest,
  MultiGetResponse,
  PutRequest,
  PutResponse,
  type ReadLevel,
  type RequestContext,
  type ResponseHeader,
  readCommand,
  readLevel,
  TxnRequest,
  TxnResponse,
  TxnResult,
} from '@dougdb/rpc-proto';
import type { PointCalls, Read, Started, Written } from './point-calls.js';

/** What a call knows of its caller. */
export interface CallContext {
  /** Monotonic milliseconds at which the caller gives up. */
  readonly deadlineMs: number;
  /** Fires when the caller has gone away. */
  readonly signal?: AbortSignal | undefined;
}

/** The cluster's own partition. Clients have no business with it. */
const META_PARTITION = 1;
/** What a result costs in an answer beside its value, at most. */
const RESULT_OVERHEAD_BYTES = 32;
/** Room for the headers: one for each partition. */
const HEADERS_BYTES = 64 * 1024;

/** dougdb.v1.Doug's single calls, over encoded messages. */
export class DataFront {
  readonly #calls: PointCalls;
  readonly #checkCluster: (clusterId: Uint8Array) => void;

  /** @param checkCluster - throws CLUSTER_MISMATCH */
  constructor(calls: PointCalls, checkCluster: (clusterId: Uint8Array) => void) {
    this.#calls = calls;
    this.#checkCluster = checkCluster;
  }

  async put(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const put = decodeRequest(PutRequest, request);
    const { context, opId, key, value } = put;
    this.#check(context);
    const command = encodePut(opId ?? null, key, value, put);
    return PutResponse.encode(await this.#write(command, opId !== undefined, call)).finish();
  }

  async delete(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const removal = decodeRequest(DeleteRequest, request);
    const { context, opId, key } = removal;
    this.#check(context);
    const command = encodeDelete(opId ?? null, key, removal);
    return DeleteResponse.encode(await this.#write(command, opId !== undefined, call)).finish();
  }

  async txn(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const { context, opId, txn } = decodeRequest(TxnRequest, request);
    this.#check(context);
    if (txn === undefined) throw new DougError('INVALID_ARGUMENT', 'no transaction');
    const command = encodeTxn(opId ?? null, txn);
    checkCommand(command);
    const written = await this.#write(command, opId !== undefined, call);
    const { header, revision, resultNotKept, compareFailed } = written;
    const result = resultNotKept
      ? { succeeded: !compareFailed, steps: [] }
      : resultOf(TxnResult, written);
    return TxnResponse.encode({ header, revision, resultNotKept, result }).finish();
  }

  /** One chunk; the range lies in one partition. */
  async deleteRange(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const { context, opId, start, end, limit } = decodeRequest(DeleteRangeRequest, request);
    this.#check(context);
    const command = encodeDeleteRange(opId ?? null, { start, end, limit });
    checkCommand(command);
    const written = await this.#write(command, opId !== undefined, call);
    const { header, revision, resultNotKept } = written;
    const result = resultNotKept ? undefined : resultOf(DeleteRangeResult, written);
    return DeleteRangeResponse.encode({ header, revision, resultNotKept, result }).finish();
  }

  async get(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const { context, key, consistency, ...rest } = decodeRequest(GetRequest, request);
    this.#check(context);
    const level = readLevel(consistency, rest.revision, rest.maxAgeMs);
    const started = this.#startRead(key, level, call.deadlineMs);
    const { header, value, revision, expiresAt } = await untilGone(started, call.signal);
    const kv = value === null ? undefined : { key, value, revision, expiresAt };
    return GetResponse.encode({ header, kv }).finish();
  }

  /** Each key is read as by Get; the call fails with the first that cannot be read. */
  async multiGet(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const { context, keys, consistency, maxAgeMs } = decodeRequest(MultiGetRequest, request);
    this.#check(context);
    if (keys.length > limits.commandKeys) {
      throw new DougError(
        'INVALID_ARGUMENT',
        `${keys.length} keys are over the limit of ${limits.commandKeys}`,
      );
    }
    // All of them before any is sent.
    for (const key of keys) checkKeyBytes(key.length);
    const level = readLevel(consistency, 0, maxAgeMs);
    return MultiGetResponse.encode(await this.#readAll(keys, level, call)).finish();
  }

  async #readAll(
    keys: readonly Uint8Array[],
    level: ReadLevel,
    { deadlineMs, signal }: CallContext,
  ): Promise<MultiGetResponse> {
    const started: Started<Read>[] = [];
    let sizeBytes = HEADERS_BYTES;
    for (const key of keys) started.push(this.#startRead(key, level, deadlineMs));
    const answers = started.map(async ({ answer }) => {
      const read = await answer;
      sizeBytes += RESULT_OVERHEAD_BYTES + (read.value?.length ?? 0);
      if (sizeBytes > limits.requestBytes) throw tooLarge;
      return read;
    });
    const cancel = (): void => {
      for (const call of started) call.cancel();
    };
    return multiGetResponse(await untilGone({ answer: Promise.all(answers), cancel }, signal));
  }

  #startRead(
    key: Uint8Array,
    { consistency, argument }: ReadLevel,
    deadlineMs: number,
  ): Started<Read> {
    checkKeyBytes(key.length);
    return this.#calls.read({
      op: 'get',
      bytes: key,
      consistency,
      argument,
      hasOpId: false,
      deadlineMs,
    });
  }

  #write(
    command: Uint8Array,
    hasOpId: boolean,
    { deadlineMs, signal }: CallContext,
  ): Promise<Written> {
    const started = this.#calls.write({
      op: 'command',
      bytes: command,
      consistency: Consistency.CONSISTENCY_UNSPECIFIED,
      argument: 0,
      hasOpId,
      deadlineMs,
    });
    return untilGone(started, signal);
  }

  /** @throws DougError CLUSTER_MISMATCH, INVALID_ARGUMENT */
  #check(context: RequestContext | undefined): void {
    if (context === undefined) return;
    this.#checkCluster(context.clusterId);
    if (context.partitionId === META_PARTITION) {
      throw new DougError('INVALID_ARGUMENT', `partition ${META_PARTITION} is the cluster's own`);
    }
  }
}

const commandView = new CommandView();

/** What makes no sense is refused before it is sent anywhere. @throws DougError INVALID_ARGUMENT */
function checkCommand(command: Uint8Array): void {
  readCommand(command, 0, command.length, commandView);
}

/** @throws DougError INTERNAL: it took effect, and what the node says of it cannot be read */
function resultOf<T>(codec: MessageDecoder<T>, { result }: Written): T {
  try {
    return decodeWhole(codec, result);
  } catch (cause) {
    throw new DougError('INTERNAL', 'a node answered with a result that is none', { cause });
  }
}

/** The answer; the call is not pursued when it fails or its caller goes away. */
async function untilGone<T>(
  { answer, cancel }: Started<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted) cancel();
  try {
    return await answer;
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

/** One header for each partition that answered: the last one. */
function multiGetResponse(reads: readonly Read[]): MultiGetResponse {
  const headers: ResponseHeader[] = [];
  const indexes = new Map<number, number>();
  const results = reads.map(({ header, value, revision }) => {
    let index = indexes.get(header.partitionId);
    if (index === undefined) {
      index = headers.length;
      indexes.set(header.partitionId, index);
    }
    headers[index] = header;
    return { header: index, found: value !== null, value: value ?? new Uint8Array(0), revision };
  });
  return { headers, results };
}

const tooLarge = new DougError(
  'TOO_LARGE',
  `the values together are over the limit of ${limits.requestBytes} bytes: ask for fewer keys`,
);
