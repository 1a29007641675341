import {
  CompactRequest,
  CompactResponse,
  Consistency,
  DeleteRangeRequest,
  DeleteRangeResponse,
  DeleteRangeResult,
  DougError,
  encodeTxn,
  GetRequest,
  PipeRequestWriter,
  readPipeRequest,
  readPipeResponse,
  ScanRequest,
  ScanResponse,
  TxnOperation,
  TxnRequest,
  TxnResponse,
  TxnResult,
} from '@dougdb/rpc-proto';
import { decodeScanRest, encodeScanRest, isScanRest } from '../src/index.js';
import { FacadeBench } from './support/facade-bench.js';
import { type Arrival, clusterId, type FakePartition } from './support/fake-nodes.js';

const split: readonly FakePartition[] = [
  { id: 2, start: '', end: 'h', version: 2, leader: 1 },
  { id: 3, start: 'h', end: 'p', version: 2, leader: 2 },
  { id: 4, start: 'p', end: '', version: 2, leader: 3 },
];

const TXN = '/dougdb.v1.Doug/Txn';
const DELETE_RANGE = '/dougdb.v1.Doug/DeleteRange';
const opId = { session: new Uint8Array(16).fill(1), startedAt: 1, seq: 1, firstIncomplete: 1 };

function key(name: string): Uint8Array {
  return new TextEncoder().encode(name);
}

/** A transaction that puts these keys. */
function puts(...names: string[]): TxnOperation {
  return TxnOperation.fromPartial({
    success: names.map((name) => ({
      step: { $case: 'put', value: { key: key(name), value: key('v') } },
    })),
  });
}

function txn(operation: TxnOperation, more: Partial<TxnRequest> = {}): Uint8Array {
  return TxnRequest.encode(TxnRequest.fromPartial({ txn: operation, ...more })).finish();
}

function range(start: string, end: string): Uint8Array {
  return DeleteRangeRequest.encode(
    DeleteRangeRequest.fromPartial({ start: key(start), end: key(end) }),
  ).finish();
}

/** Answers commands with this result. */
function answering(bench: FacadeBench, result: Uint8Array, more: object = {}): void {
  bench.nodes.serve = ({ id, stream, partitionId, node }: Arrival) =>
    stream.respond((writer) =>
      writer.addLookedWrite(id, bench.nodes.headerOf(partitionId, node.nodeId), {
        ...{ revision: 9, compareFailed: false, previousRevision: 0, previousValue: null },
        result,
        ...more,
      }),
    );
}

describe('commands of several keys', () => {
  it('go to the leader of their first key, and are answered as by a node', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    const steps = [
      { result: { $case: 'put' as const, value: { existed: true, previous: undefined } } },
    ];
    answering(bench, TxnResult.encode({ succeeded: true, steps }).finish());
    const told = TxnResponse.decode(await bench.run(bench.unary(TXN, txn(puts('k', 'l')))));
    expect(told).toMatchObject({ revision: 9, result: { succeeded: true, steps } });
    expect(told.header?.partitionId).toBe(3);
    const resumeKey = key('n');
    answering(bench, DeleteRangeResult.encode({ deleted: 3, resumeKey }).finish());
    const chunk = DeleteRangeResponse.decode(
      await bench.run(bench.unary(DELETE_RANGE, range('k', 'p'))),
    );
    expect(chunk).toMatchObject({ revision: 9, result: { deleted: 3 } });
    expect(Buffer.from(chunk.result?.resumeKey ?? []).toString()).toBe('n');
    expect(bench.nodes.arrivals.map(({ node }) => node.nodeId)).toEqual([2, 2]);
  });

  it('whose result is not kept still say which list was carried out', async () => {
    const bench = await FacadeBench.ready();
    for (const compareFailed of [false, true]) {
      answering(bench, new Uint8Array(0), { resultNotKept: true, compareFailed });
      const answer = await bench.run(bench.unary(TXN, txn(puts('a'), { opId })));
      expect(TxnResponse.decode(answer)).toMatchObject({
        resultNotKept: true,
        result: { succeeded: !compareFailed, steps: [] },
      });
    }
  });

  it.each([
    ['a transaction', TXN, txn(puts('a', 'z')), 4],
    ['one with a compare elsewhere', TXN, txn({ ...puts('a'), compares: [compareOf('k')] }), 3],
    ['a range', DELETE_RANGE, range('a', 'i'), 3],
    ['a range to the last key', DELETE_RANGE, range('a', ''), 3],
  ] as const)(
    '%s over two partitions is refused, names them, and is sent nowhere',
    async (_, method, request, other) => {
      const bench = await FacadeBench.ready({ partitions: split });
      const error = await bench.fails(bench.unary(method, request));
      expect(error).toMatchObject({ reason: 'CROSS_PARTITION', outcome: 'NOT_APPLIED' });
      expect(error.message).toContain('partition 2');
      expect(error.message).toContain(`partition ${other}`);
      expect(bench.nodes.arrivals).toEqual([]);
    },
  );

  it('of a pipe are refused one by one; what lies in one partition is served', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    const answers = new Map<number, string>();
    const pipe = bench.facade.openPipe({
      queuedBytes: 0,
      send: (response) =>
        readPipeResponse(response, {
          begin: () => undefined,
          write: (id, _h, _r, _n, failed, _p, _s, _e, from, to) =>
            answers.set(
              id,
              `${failed} ${Buffer.from(response.subarray(from, to)).toString('hex')}`,
            ),
          get: () => undefined,
          error: (id, _header, { code, message }) => answers.set(id, `${code} ${message}`),
          unknown: () => undefined,
        }),
      drained: () => undefined,
      fail: (error) => {
        throw error;
      },
    });
    // An empty result: the list that was carried out has no steps.
    answering(bench, TxnResult.encode({ succeeded: false, steps: [] }).finish(), {
      compareFailed: true,
    });
    const writer = new PipeRequestWriter();
    writer.begin(7, clusterId);
    writer.addCommand(1_000, 0, 0, false, encodeTxn(opId, puts('a', 'b')));
    writer.addCommand(1_000, 0, 0, false, encodeTxn({ ...opId, seq: 2 }, puts('a', 'k')));
    writer.addCommand(1_000, 0, 0, false, encodeTxn({ ...opId, seq: 3 }, puts('q')));
    pipe.received(writer.finish());
    await bench.until('answers', () => answers.size === 3);
    expect([answers.get(7), answers.get(9)]).toEqual(['true ', 'true ']);
    expect(answers.get(8)).toMatch(/^12 .*partition 2.*partition 3/);
    expect(bench.nodes.arrivals.map(({ key: first }) => first)).toEqual(['a', 'q']);
  });

  it('find the true map by refusals, and then their keys in two partitions', async () => {
    const bench = await FacadeBench.ready();
    // The map says that there is one partition, and the node knows better.
    const [first] = bench.nodes.partitions;
    bench.nodes.partitions.splice(0, 1, { ...first!, end: 'h', version: 2 }, split[1]!, split[2]!);
    const error = await bench.fails(bench.unary(TXN, txn(puts('a', 'k'))));
    expect(error).toMatchObject({ reason: 'CROSS_PARTITION', outcome: 'NOT_APPLIED' });
    expect(bench.nodes.arrivals.length).toBeGreaterThan(0);
    expect(bench.nodes.data.size).toBe(0);
  });

  it('that make no sense are refused before they are sent', async () => {
    const bench = await FacadeBench.ready();
    for (const [method, request] of [
      [TXN, txn(puts())],
      [TXN, TxnRequest.encode(TxnRequest.fromPartial({})).finish()],
      [TXN, txn(puts(''))],
      [DELETE_RANGE, range('b', 'a')],
      [TXN, Uint8Array.of(255)],
    ] as const) {
      expect(await bench.fails(bench.unary(method, request))).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        outcome: 'NOT_APPLIED',
      });
    }
    expect(bench.nodes.arrivals).toEqual([]);
  });

  it('whose answer is garbage have taken effect, as far as anybody knows', async () => {
    const bench = await FacadeBench.ready();
    answering(bench, Uint8Array.of(0xff));
    expect(await bench.fails(bench.unary(TXN, txn(puts('a'))))).toMatchObject({
      reason: 'INTERNAL',
      outcome: 'UNKNOWN',
    });
  });
});

function compareOf(name: string): TxnOperation['compares'][number] {
  return {
    key: key(name),
    rangeEnd: new Uint8Array(0),
    relation: 1,
    target: { $case: 'exists', value: true },
  };
}

describe('levels of reads', () => {
  it.each([
    ['linearizable', {}, Consistency.CONSISTENCY_LINEARIZABLE, 0],
    ['lease', { consistency: Consistency.CONSISTENCY_LEASE }, Consistency.CONSISTENCY_LEASE, 0],
    [
      'bounded',
      { consistency: Consistency.CONSISTENCY_BOUNDED, maxAgeMs: 70 },
      Consistency.CONSISTENCY_BOUNDED,
      70,
    ],
    ['at a revision', { revision: 12 }, Consistency.CONSISTENCY_AT_REVISION, 12],
  ])('%s: passed on as they are', async (_, request, level, argument) => {
    const bench = await FacadeBench.ready();
    const asked: [number, number][] = [];
    bench.nodes.serve = (item) => {
      const message = bench.nodes.messages.at(-1) as Uint8Array;
      readPipeRequest(message, {
        begin: () => undefined,
        item: (_i, _t, _p, _e, _r, _o, _s, _n, consistency, value) =>
          asked.push([consistency, value]),
        invalid: () => undefined,
        cancel: () => undefined,
      });
      item.stream.respond((writer) =>
        writer.addGetMissing(item.id, bench.nodes.headerOf(2, item.node.nodeId)),
      );
    };
    const get = GetRequest.encode(GetRequest.fromPartial({ key: key('a'), ...request })).finish();
    await bench.run(bench.unary('/dougdb.v1.Doug/Get', get));
    expect(asked).toEqual([[level, argument]]);
  });

  it('that need no leader go to any replica, the others to the leader', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = (item) =>
      item.stream.respond((writer) =>
        writer.addGetMissing(item.id, bench.nodes.headerOf(2, item.node.nodeId)),
      );
    const nodesOf = async (request: Partial<GetRequest>): Promise<Set<number>> => {
      bench.nodes.arrivals.length = 0;
      const bytes = GetRequest.encode(
        GetRequest.fromPartial({ key: key('a'), ...request }),
      ).finish();
      for (let i = 0; i < 40; i++) await bench.run(bench.unary('/dougdb.v1.Doug/Get', bytes));
      return new Set(bench.nodes.arrivals.map(({ node }) => node.nodeId));
    };
    expect((await nodesOf({ revision: 1 })).size).toBe(3);
    const bounded = { consistency: Consistency.CONSISTENCY_BOUNDED, maxAgeMs: 5 };
    expect((await nodesOf(bounded)).size).toBe(3);
    expect(await nodesOf({ consistency: Consistency.CONSISTENCY_LEASE })).toEqual(new Set([1]));
    expect(await nodesOf({})).toEqual(new Set([1]));
  });

  it('that contradict themselves are refused', async () => {
    const bench = await FacadeBench.ready();
    for (const request of [
      { consistency: Consistency.CONSISTENCY_BOUNDED },
      { consistency: Consistency.CONSISTENCY_LEASE, revision: 4 },
      { maxAgeMs: 4 },
    ]) {
      const get = GetRequest.encode(GetRequest.fromPartial({ key: key('a'), ...request })).finish();
      expect(await bench.fails(bench.unary('/dougdb.v1.Doug/Get', get))).toMatchObject({
        reason: 'INVALID_ARGUMENT',
      });
    }
  });
});

describe('scans', () => {
  const names = ['a', 'b', 'c', 'h', 'i', 'p', 'q'];

  async function filled(): Promise<FacadeBench> {
    const bench = await FacadeBench.ready({ partitions: split });
    for (const name of names) bench.nodes.data.set(name, { value: name, revision: 1 });
    bench.nodes.revision = 5;
    return bench;
  }

  async function scan(bench: FacadeBench, request: Partial<ScanRequest>): Promise<ScanResponse[]> {
    const bytes = ScanRequest.encode(ScanRequest.fromPartial(request)).finish();
    const chunks: ScanResponse[] = [];
    const output = {
      send: (chunk: Uint8Array): Promise<void> => {
        chunks.push(ScanResponse.decode(chunk));
        return Promise.resolve();
      },
    };
    const deadlineMs = bench.clock.monotonicMs() + 60_000;
    await bench.run(bench.facade.scan(bytes, { deadlineMs }, output));
    return chunks;
  }

  const namesOf = (chunks: readonly ScanResponse[]): string[] =>
    chunks.flatMap(({ kvs }) => kvs.map((kv) => Buffer.from(kv.key).toString()));

  it.each([false, true])(
    'go on from the token of any chunk, over partitions (reverse: %s)',
    async (reverse) => {
      const bench = await filled();
      const expected = reverse ? [...names].reverse() : names;
      const chunks = await scan(bench, { reverse });
      expect(chunks.at(-1)?.token).toHaveLength(0);
      for (const [at, { token }] of chunks.entries()) {
        if (token.length === 0) continue;
        const before = namesOf(chunks.slice(0, at + 1));
        expect([...before, ...namesOf(await scan(bench, { reverse, token }))]).toEqual(expected);
      }
    },
  );

  it('take no token that was not made for them', async () => {
    const bench = await filled();
    const rest = encodeScanRest({ start: key('b'), end: key(''), reverse: false, view: null });
    expect(namesOf(await scan(bench, { token: rest }))).toEqual(names.slice(1));
    const damaged = new Uint8Array(rest);
    damaged[4] = (damaged[4] as number) ^ 1;
    for (const request of [
      { token: damaged },
      { token: rest.subarray(0, rest.length - 1) },
      { token: key('garbage') },
      { token: rest, reverse: true },
    ]) {
      await expect(scan(bench, request)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    }
  });

  it('at a revision lie in one partition', async () => {
    const bench = await filled();
    const one = await scan(bench, { start: key('a'), end: key('c'), revision: 4 });
    expect(namesOf(one)).toEqual(['a', 'b']);
    await expect(
      scan(bench, { start: key('a'), end: key('i'), revision: 4 }),
    ).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT', outcome: 'NOT_APPLIED' });
  });

  it('that only count answer one sum of all partitions', async () => {
    const bench = await filled();
    const counts = { 2: 3, 3: 2, 4: 2 } as Record<number, number>;
    const asked: number[] = [];
    bench.nodes.stream = async function* (_address, _path, bytes) {
      const { context, countOnly, limit } = ScanRequest.decode(bytes);
      const id = context?.partitionId ?? 0;
      expect(countOnly).toBe(true);
      asked.push(limit);
      const count = Math.min(counts[id] ?? 0, limit || 99);
      const header = bench.nodes.headerOf(id, 1);
      yield ScanResponse.encode(ScanResponse.fromPartial({ header, count })).finish();
    };
    expect(await scan(bench, { countOnly: true })).toMatchObject([{ count: 7, kvs: [] }]);
    expect(asked).toEqual([0, 0, 0]);
    expect(await scan(bench, { countOnly: true, limit: 4 })).toMatchObject([{ count: 4 }]);
    expect(asked.slice(3)).toEqual([4, 1]);
  });

  it('that were cut because nobody took a chunk go on in their view', async () => {
    const bench = await filled();
    const real = bench.nodes.stream.bind(bench.nodes);
    const tokens: Uint8Array[] = [];
    let cuts = 0;
    bench.nodes.stream = async function* (address, path, bytes, signal) {
      if (path === '/dougdb.v1.Doug/Scan') tokens.push(ScanRequest.decode(bytes).token);
      for await (const chunk of real(address, path, bytes, signal)) {
        yield chunk;
        if (path === '/dougdb.v1.Doug/Scan' && cuts++ === 0) throw new DougError('LAGGING', 'cut');
      }
    };
    bench.nodes.chunkEntries = 2;
    expect(namesOf(await scan(bench, {}))).toEqual(names);
    // The one that went on named the moment of the one that was cut.
    expect(tokens[0]).toHaveLength(0);
    expect(tokens[1]?.length).toBeGreaterThan(0);
  });

  it('whose history is gone meanwhile fail with COMPACTED', async () => {
    const bench = await filled();
    const view = { partitionId: 2, epochVersion: 2, revision: 1 };
    const token = encodeScanRest({ start: key('b'), end: key('c'), reverse: false, view });
    bench.nodes.stream = async function* () {
      yield* [];
      throw new DougError('COMPACTED', 'too old');
    };
    await expect(scan(bench, { token })).rejects.toMatchObject({ reason: 'COMPACTED' });
  });
});

describe('the token of a scan over partitions', () => {
  it('is read as it was written', () => {
    const rest = { start: key('a'), end: key('z'), reverse: true };
    for (const view of [null, { partitionId: 3, epochVersion: 2, revision: 2 ** 52 }]) {
      const bytes = encodeScanRest({ ...rest, view });
      expect(isScanRest(bytes)).toBe(true);
      const read = decodeScanRest(bytes);
      expect({ ...read, start: key('a'), end: key('z') }).toEqual({ ...rest, view });
      expect([Buffer.from(read.start).toString(), Buffer.from(read.end).toString()]).toEqual([
        'a',
        'z',
      ]);
    }
  });
});

describe('compact', () => {
  it('goes to the leader of the partition', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    const asked: string[] = [];
    bench.nodes.onUnary = (address, path) => {
      if (!path.endsWith('Compact')) return undefined;
      asked.push(address);
      return CompactResponse.encode({ historyFloor: 41 }).finish();
    };
    const request = CompactRequest.encode({ clusterId, partitionId: 3, revision: 40 }).finish();
    const answer = await bench.run(bench.unary('/dougdb.admin.v1.Admin/Compact', request));
    expect(CompactResponse.decode(answer).historyFloor).toBe(41);
    expect(asked).toEqual(['n2:1']);
    const foreign = CompactRequest.encode({
      clusterId: new Uint8Array(16),
      partitionId: 3,
      revision: 40,
    }).finish();
    expect(await bench.fails(bench.unary('/dougdb.admin.v1.Admin/Compact', foreign))).toMatchObject(
      { reason: 'CLUSTER_MISMATCH' },
    );
  });
});
