import type { Member, NodeStatus, PartitionInfo, WatchOptions } from '@dougdb/client';
import { DougError } from '@dougdb/rpc-proto';
import type { Db, DeletedRange, TxnAnswer, WriteAnswer, WriteOptions } from '../src/context.js';
import { defaultEndpoint } from '../src/globals.js';
import type { ParsedTxn } from '../src/txn/parse-txn.js';

interface Stored {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly expiresAt?: number;
}

interface FakeChange {
  readonly key: Uint8Array;
  /** Null: it was deleted. */
  readonly value: Uint8Array | null;
  readonly revision: number;
  readonly before: Stored | undefined;
}

/** When everything is put. */
const DAY_ZERO_MS = Date.UTC(2026, 0, 1);

/** What becomes of the calls of a {@link FakeDb}. */
export interface FakeDbFaults {
  /** Every call fails so. */
  fail?: unknown;
  /** Connecting fails so. */
  failConnect?: unknown;
  /** Scans fail so after this many entries. */
  failScan?: { readonly after: number; readonly error: unknown };
  /** Writes answer that they took effect before, without details. */
  resultLost?: boolean;
  /** Nodes that do not answer. */
  readonly down: Set<number>;
  /** Nodes of another cluster. */
  readonly foreign: Set<number>;
}

/**
 * A cluster of three nodes and three partitions that is a Map: what the commands print, without anything
 * that varies from run to run.
 */
export class FakeDb implements Db {
  readonly faults: FakeDbFaults = { down: new Set(), foreign: new Set() };
  readonly counters = { retries: 0, streamsLost: 0 };
  readonly admin: Db['admin'];
  readonly #stored = new Map<string, Stored>();
  readonly #changes: FakeChange[] = [];
  readonly #leaders = [1, 2, 3];
  #revision = 0;

  constructor() {
    this.admin = {
      status: async (node) => this.#status(node),
      members: async () => this.#checked(members()),
      partitions: async () => this.#checked(this.#partitions()),
      transferLeader: async (partitionId, { toNodeId } = {}) => {
        this.#checked(null);
        const leader = toNodeId ?? ((this.#leaders[partitionId - 1] ?? 0) % 3) + 1;
        this.#leaders[partitionId - 1] = leader;
        return { leaderNodeId: leader, term: 6 };
      },
      compact: async (partitionId, { revision } = {}) => {
        this.#checked(null);
        return { historyFloor: revision ?? 1000 * partitionId };
      },
    };
  }

  async get(
    key: string | Uint8Array,
    options: Parameters<Db['get']>[1] = {},
  ): ReturnType<Db['get']> {
    const hit = this.#checked(this.#stored.get(nameOf(key)));
    if (hit === undefined) return null;
    return options.consistency === 'eventual' ? { ...hit, ageMs: 12 } : hit;
  }

  async put(key: Uint8Array, value: Uint8Array, options: WriteOptions = {}): Promise<WriteAnswer> {
    const before = this.#compared(key, options);
    const { ttlMs } = options;
    const expires = ttlMs === undefined ? {} : { expiresAt: DAY_ZERO_MS + ttlMs };
    const revision = ++this.#revision;
    this.#changes.push({ key, value, revision, before: this.#stored.get(nameOf(key)) });
    this.#stored.set(nameOf(key), { key, value, revision, ...expires });
    return this.#answer(before, options);
  }

  async delete(key: Uint8Array, options: WriteOptions = {}): Promise<WriteAnswer> {
    const before = this.#compared(key, options);
    const looks = options.returnPrevious === true || options.returnExisted === true;
    if (before !== undefined || !looks) {
      const there = this.#stored.get(nameOf(key));
      this.#changes.push({ key, value: null, revision: ++this.#revision, before: there });
    }
    this.#stored.delete(nameOf(key));
    return this.#answer(before, options);
  }

  scan: Db['scan'] = (options = {}) => {
    const { prefix, start, end, limit = Number.POSITIVE_INFINITY, reverse } = options;
    const all = [...this.#stored.values()]
      .filter(({ key }) => prefix === undefined || nameOf(key).startsWith(nameOf(prefix)))
      .filter(({ key }) => start === undefined || Buffer.compare(key, bytesOf(start)) >= 0)
      .filter(({ key }) => end === undefined || Buffer.compare(key, bytesOf(end)) < 0)
      .sort((a, b) => Buffer.compare(a.key, b.key));
    if (reverse === true) all.reverse();
    const entries = this.#entries(all.slice(0, limit), options.keysOnly === true);
    const token = all.length > limit ? 'TOKEN' : undefined;
    return Object.assign(entries, { token }) as unknown as ReturnType<Db['scan']>;
  };

  /** What has happened, once; then it is silent. Tokens are revisions. */
  watch = ((options: WatchOptions = {}) => {
    const { signal, from, fromRevision = Number.POSITIVE_INFINITY } = options;
    const told = this.#changes.filter(
      ({ revision }) => revision >= (from === undefined ? fromRevision : Number(from) + 1),
    );
    const wanted = told.filter(
      ({ key, value }) =>
        isWatched(key, options) && (value === null ? options.deletes : options.puts) !== false,
    );
    let token: string | undefined = from === undefined ? undefined : String(from);
    const end = (error: DougError): DougError => Object.assign(error, { token });
    const steps = async function* (this: FakeDb) {
      const { fail } = this.faults;
      if (fail !== undefined) throw DougError.is(fail) ? end(fail) : fail;
      for (const { key, value, revision, before } of wanted) {
        token = String(revision);
        const previous = before ?? null;
        yield {
          ...{ key, revision, token },
          ...(value === null ? { type: 'delete' } : { type: 'put', value }),
          ...(options.previous === true ? { previous } : {}),
        };
      }
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      throw end(new DougError('ABORTED', 'aborted by the signal', { outcome: 'NOT_APPLIED' }));
    }.call(this);
    const close = async (): Promise<void> => undefined;
    return Object.assign(steps, { ready: Promise.resolve(), close });
  }) as unknown as Db['watch'];

  async count(options: Parameters<Db['count']>[0] = {}): Promise<number> {
    return this.#checked(await collected(this.scan(options)).then((all) => all.length));
  }

  async deleteRange(range: DeletedRange): Promise<{ deleted: number }> {
    this.#checked(null);
    const all = await collected(this.scan({ ...range, keysOnly: true }));
    if (all.length > 0) this.#revision++;
    for (const { key } of all) this.#stored.delete(nameOf(key));
    return { deleted: all.length };
  }

  /** Compares for equality only. */
  async txn(txn: ParsedTxn): Promise<TxnAnswer> {
    this.#checked(null);
    const succeeded = txn.if.every((compare) => {
      if (!('key' in compare)) return true;
      const hit = this.#stored.get(nameOf(compare.key));
      if ('exists' in compare) return (hit !== undefined) === compare.exists;
      if ('revision' in compare) return (hit?.revision ?? 0) === compare.revision;
      return 'value' in compare && hit !== undefined && nameOf(hit.value) === nameOf(compare.value);
    });
    const steps = succeeded ? txn.then : txn.else;
    if (steps.some((step) => 'put' in step || 'delete' in step)) this.#revision++;
    const results: unknown[] = [];
    for (const step of steps) results.push(await this.#step(step));
    const answer = { succeeded, revision: this.#revision };
    if (this.faults.resultLost === true) return { ...answer, resultKept: false };
    return { ...answer, results };
  }

  async #step(step: ParsedTxn['then'][number]): Promise<unknown> {
    if ('get' in step) return this.#stored.get(nameOf(step.get)) ?? null;
    if ('scan' in step) {
      const { limit = Number.POSITIVE_INFINITY } = step.scan;
      const all = await collected(this.scan({ ...step.scan, limit: Number.POSITIVE_INFINITY }));
      return { entries: all.slice(0, limit), more: all.length > limit };
    }
    if ('deleteRange' in step) {
      const all = await collected(this.scan(step.deleteRange));
      for (const { key } of all) this.#stored.delete(nameOf(key));
      return { deleted: all.length };
    }
    const key = bytesOf('put' in step ? step.put : step.delete);
    const before = this.#stored.get(nameOf(key));
    const revision = this.#revision;
    if ('put' in step) this.#stored.set(nameOf(key), { key, value: step.value, revision });
    else this.#stored.delete(nameOf(key));
    return {
      ...('put' in step ? {} : { existed: before !== undefined }),
      ...(step.returnPrevious === true
        ? {
            previous:
              before === undefined ? null : { value: before.value, revision: before.revision },
          }
        : {}),
    };
  }

  async close(): Promise<void> {}

  async *#entries(all: readonly Stored[], keysOnly: boolean): AsyncGenerator<unknown> {
    this.#checked(null);
    for (const [n, { value, ...rest }] of all.entries()) {
      if (n === this.faults.failScan?.after) throw this.faults.failScan.error;
      yield keysOnly ? rest : { ...rest, value };
    }
  }

  #checked<T>(answer: T): T {
    if (this.faults.fail !== undefined) throw this.faults.fail;
    return answer;
  }

  #compared(key: Uint8Array, options: WriteOptions): Stored | undefined {
    this.#checked(null);
    if (key.length === 0) throw new DougError('INVALID_ARGUMENT', 'the key is empty');
    const hit = this.#stored.get(nameOf(key));
    const wanted = options.ifRevision ?? hit?.revision;
    if (hit?.revision === wanted && !(options.ifAbsent === true && hit !== undefined)) return hit;
    const error = new DougError('COMPARE_FAILED', 'the condition is not met');
    const { revision = 0, value } = hit ?? {};
    const found = options.returnPrevious === true ? { revision, value } : { revision };
    throw Object.assign(error, { current: hit === undefined ? null : found });
  }

  #answer(before: Stored | undefined, options: WriteOptions): WriteAnswer {
    const revision = this.#revision;
    if (this.faults.resultLost === true) return { revision, resultKept: false };
    const previous =
      before === undefined ? null : { value: before.value, revision: before.revision };
    return {
      revision,
      ...(options.returnPrevious === true ? { previous } : {}),
      ...(options.returnExisted === true ? { existed: before !== undefined } : {}),
    };
  }

  #partitions(): PartitionInfo[] {
    return [
      partition(1, 0, '', '', this.#leaders[0] ?? 0),
      partition(2, 1, '', 'm', this.#leaders[1] ?? 0),
      partition(3, 1, 'm', '', this.#leaders[2] ?? 0),
    ];
  }

  #status(node: string | { readonly nodeId: number } | undefined): NodeStatus {
    this.#checked(null);
    // Who asks at the default endpoint finds the first node, which knows itself by another address.
    const wanted = node === undefined || node === defaultEndpoint ? 'n1:4400' : node;
    const member = members().find(({ nodeId, address }) =>
      typeof wanted === 'object' ? nodeId === wanted.nodeId : address === wanted,
    );
    if (node === 'f1:4300' || node === 'new:4400') {
      const clusterId = node === 'f1:4300' ? '07'.repeat(16) : '';
      return { ...this.#status(undefined), clusterId, node: nobody(node), replicas: [] };
    }
    if (member === undefined && typeof wanted === 'string') {
      throw new DougError('NO_LEADER', 'nobody is there');
    }
    if (member === undefined) {
      throw new DougError('INVALID_ARGUMENT', 'the cluster has no such node');
    }
    if (this.faults.down.has(member.nodeId)) throw new DougError('NO_LEADER', 'down');
    return {
      clusterId: (this.faults.foreign.has(member.nodeId) ? '08' : '07').repeat(16),
      node: member,
      version: '0.0.0-fake',
      uptimeMs: 1000,
      limits: { key: 8192, value: 1 << 20, request: 4 << 20 },
      replicas: this.#partitions().map(({ partitionId, leaderNodeId }) => ({
        partitionId,
        replicaId: partitionId * 100 + member.nodeId,
        role: leaderNodeId === member.nodeId ? 'leader' : 'follower',
        leaderNodeId,
        term: 5,
        commitIndex: 40 + partitionId,
        appliedIndex: 40 + partitionId,
        firstIndex: 1,
        lastIndex: 41 + partitionId,
        revision: 1000 * partitionId,
        state: 'serving',
        sessions: 1,
        historyFloor: 7,
      })),
    };
  }
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function members(): Member[] {
  return [1, 2, 3].map((nodeId) => ({
    nodeId,
    uuid: `0${nodeId}`.repeat(16),
    address: `n${nodeId}:4400`,
  }));
}

/** A facade, or a node without a cluster. */
function nobody(address: string): Member {
  return { nodeId: 0, uuid: '09'.repeat(16), address };
}

function partition(
  partitionId: number,
  keyspace: number,
  start: string,
  end: string,
  leaderNodeId: number,
): PartitionInfo {
  return {
    partitionId,
    keyspace,
    start: bytesOf(start),
    end: bytesOf(end),
    epoch: { version: keyspace + 1, conf: 1 },
    leaderNodeId,
    replicas: [1, 2, 3].map((nodeId) => ({
      replicaId: partitionId * 100 + nodeId,
      nodeId,
      role: partitionId === 3 && nodeId === 1 ? 'learner' : 'voter',
    })),
  };
}

function isWatched(key: Uint8Array, { key: only, prefix, start, end }: WatchOptions): boolean {
  if (only !== undefined) return nameOf(key) === nameOf(only);
  if (prefix !== undefined) return nameOf(key).startsWith(nameOf(prefix));
  if (start !== undefined && Buffer.compare(key, bytesOf(start)) < 0) return false;
  return end === undefined || end.length === 0 || Buffer.compare(key, bytesOf(end)) < 0;
}

function bytesOf(key: string | Uint8Array): Uint8Array {
  return typeof key === 'string' ? Buffer.from(key) : key;
}

function nameOf(key: string | Uint8Array): string {
  return Buffer.from(bytesOf(key)).toString('latin1');
}
