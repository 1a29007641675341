import type { AnswerSink, ReadMark, Replica } from '@dougdb/replica';
import {
  checkKeyBytes,
  DougError,
  decodeRequest,
  limits,
  MultiGetRequest,
  MultiGetResponse,
  type MultiGetResult,
  type RequestContext,
  readLevel,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { linearizableMark, weakerMark } from './consistency.js';

/**
 * dougdb.v1.Doug/MultiGet. Each key is read as by Get; all linearizable reads of one replica share its
 * next round. The first error is that of the call: what is read after it is dropped.
 * @throws DougError, always NOT_APPLIED
 */
export async function handleMultiGet(
  view: ClusterView,
  request: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<Uint8Array> {
  const { context, keys, consistency, maxAgeMs } = decodeRequest(MultiGetRequest, request);
  checkKeys(keys);
  const level = readLevel(consistency, 0, maxAgeMs);
  // All of them before the first read: a key that is not here fails the call at once.
  const groups = groupByReplica(view, context, keys);
  const gathered = new Gathered(keys.length);
  const epoch = context?.epochVersion ?? 0;
  for (const [header, { replica, ids }] of groups.entries()) {
    const sink = gathered.sink(header);
    for (const id of ids) {
      replica.get(keys[id] as Uint8Array, level, epoch, deadlineMs, sink, id);
    }
  }
  const results = await gathered.results;
  const headers = groups.map(({ replica }, at) => view.header(replica, gathered.mark(at)));
  const answer = MultiGetResponse.encode({ headers, results }).finish();
  if (answer.length > limits.requestBytes) throw tooLarge();
  return answer;
}

interface Group {
  readonly replica: Replica;
  /** Positions of its keys in the request. */
  readonly ids: number[];
}

function checkKeys(keys: readonly Uint8Array[]): void {
  if (keys.length === 0) throw new DougError('INVALID_ARGUMENT', 'no keys');
  if (keys.length > limits.commandKeys) {
    throw new DougError(
      'INVALID_ARGUMENT',
      `${keys.length} keys are over the limit of ${limits.commandKeys}`,
    );
  }
  for (const key of keys) checkKeyBytes(key.length);
}

function groupByReplica(
  view: ClusterView,
  context: RequestContext | undefined,
  keys: readonly Uint8Array[],
): Group[] {
  const groups = new Map<Replica, Group>();
  for (const [id, key] of keys.entries()) {
    const replica = view.replicaFor(context, key);
    const group = groups.get(replica);
    if (group === undefined) groups.set(replica, { replica, ids: [id] });
    else group.ids.push(id);
  }
  return [...groups.values()];
}

/** The answers of so many reads, by id from 0. */
class Gathered {
  /** Rejects with the first error; TOO_LARGE as soon as the values alone are too much for one answer. */
  readonly results: Promise<MultiGetResult[]>;
  readonly #marks: ReadMark[] = [];
  #resolve: (results: MultiGetResult[]) => void = () => undefined;
  #reject: (error: DougError) => void = () => undefined;
  #found: MultiGetResult[] = [];
  #left: number;
  #valueBytes = 0;
  #hasFailed = false;

  constructor(count: number) {
    this.#left = count;
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** What can be said of all reads of a partition. */
  mark(header: number): ReadMark {
    return this.#marks[header] ?? linearizableMark;
  }

  /** For the reads of one partition, whose header has this index. */
  sink(header: number): AnswerSink {
    return {
      found: (id, value, revision, _expiresAt, mark) =>
        this.#take(id, { header, found: true, value, revision }, mark),
      absent: (id, mark) =>
        this.#take(id, { header, found: false, value: nothing, revision: 0 }, mark),
      failed: (_id, error) => this.#fail(error),
      written: (id) => this.#fail(answeredAsWrite(id)),
      looked: (id) => this.#fail(answeredAsWrite(id)),
    };
  }

  #take(id: number, result: MultiGetResult, mark: ReadMark): void {
    if (this.#hasFailed) return;
    const { header } = result;
    this.#marks[header] = weakerMark(this.#marks[header] ?? mark, mark);
    this.#valueBytes += result.value.length;
    if (this.#valueBytes > limits.requestBytes) {
      this.#fail(tooLarge());
      return;
    }
    this.#found[id] = result;
    if (--this.#left === 0) this.#resolve(this.#found);
  }

  #fail(error: DougError): void {
    this.#hasFailed = true;
    // Not to be kept while the rest is read.
    this.#found = [];
    this.#reject(error);
  }
}

function tooLarge(): DougError {
  return new DougError(
    'TOO_LARGE',
    `the values are over the limit of ${limits.requestBytes} bytes for an answer: ask for fewer keys`,
  );
}

function answeredAsWrite(id: number): DougError {
  return new DougError('INTERNAL', `read ${id} was answered as a write`, {
    outcome: 'NOT_APPLIED',
  });
}

const nothing = new Uint8Array(0);
