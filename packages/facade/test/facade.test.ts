import {
  Consistency,
  DeleteRequest,
  DeleteResponse,
  DescribeResponse,
  DougError,
  EndpointKind,
  GetRequest,
  GetResponse,
  LookupRequest,
  LookupResponse,
  limits,
  MultiGetRequest,
  MultiGetResponse,
  type NodeDescriptor,
  PutRequest,
  PutResponse,
  ScanRequest,
  ScanResponse,
  StatusRequest,
  StatusResponse,
  TransferLeaderRequest,
  TransferLeaderResponse,
  WatchMapRequest,
  WatchMapResponse,
} from '@dougdb/rpc-proto';
import { FacadeBench } from './support/facade-bench.js';
import { clusterId, type FakePartition } from './support/fake-nodes.js';

const split: readonly FakePartition[] = [
  { id: 2, start: '', end: 'h', version: 2, leader: 1 },
  { id: 3, start: 'h', end: 'p', version: 2, leader: 2 },
  { id: 4, start: 'p', end: '', version: 2, leader: 3 },
];

const put = (key: string, value = 'v', more: Partial<PutRequest> = {}): Uint8Array =>
  PutRequest.encode(
    PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(value), ...more }),
  ).finish();
const get = (key: string, more: Partial<GetRequest> = {}): Uint8Array =>
  GetRequest.encode(GetRequest.fromPartial({ key: Buffer.from(key), ...more })).finish();
const opId = { session: new Uint8Array(16).fill(1), startedAt: 1, seq: 1, firstIncomplete: 1 };

const PUT = '/dougdb.v1.Doug/Put';
const GET = '/dougdb.v1.Doug/Get';
const MULTI_GET = '/dougdb.v1.Doug/MultiGet';

describe('single calls', () => {
  it('go to whom they belong, and are answered as by a node', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    const told = PutResponse.decode(await bench.run(bench.unary(PUT, put('z', '1'))));
    expect(told).toMatchObject({ revision: 1, resultNotKept: false, compareFailed: false });
    expect(told.header?.partitionId).toBe(4);
    const hit = GetResponse.decode(await bench.run(bench.unary(GET, get('z'))));
    expect(hit).toMatchObject({
      kv: { key: Buffer.from('z'), value: Buffer.from('1'), revision: 1 },
    });
    const removal = DeleteRequest.encode(DeleteRequest.fromPartial({ key: Buffer.from('z') }));
    const gone = await bench.run(bench.unary('/dougdb.v1.Doug/Delete', removal.finish()));
    expect(DeleteResponse.decode(gone).revision).toBe(2);
    const miss = GetResponse.decode(await bench.run(bench.unary(GET, get('z'))));
    expect(miss.kv).toBeUndefined();
    expect(miss.header?.partitionId).toBe(4);
    expect(bench.nodes.arrivals.map((a) => a.node.nodeId)).toEqual([3, 3, 3, 3]);
  });

  it('pass on what a write that looked was answered', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = (item) =>
      item.stream.respond((w) =>
        w.addLookedWrite(item.id, bench.nodes.headerOf(2, 1), {
          revision: 9,
          compareFailed: true,
          previousRevision: 4,
          previousValue: Buffer.from('old'),
        }),
      );
    const answer = await bench.run(bench.unary(PUT, put('a', 'v', { ifAbsent: true })));
    expect(PutResponse.decode(answer)).toMatchObject({
      revision: 9,
      compareFailed: true,
      previousRevision: 4,
      previousValue: Buffer.from('old'),
    });
  });

  it('are sent again until one has answered: another leader, another epoch, a pause', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.partitions[0]!.leader = 2;
    await bench.run(bench.unary(PUT, put('a')));
    bench.nodes.partitions.splice(0, 1, ...split.map((partition) => ({ ...partition })));
    for (const key of ['z', 'a', 'k']) await bench.run(bench.unary(PUT, put(key)));
    let busy = 3;
    bench.nodes.serve = (item) => {
      if (busy-- > 0) item.node.refuse(item, new DougError('BUSY', 'wait', { retryAfterMs: 10 }));
      else item.node.answer(item);
    };
    await bench.run(bench.unary(PUT, put('a')));
    expect(bench.nodes.revision).toBe(5);
  });

  it('go on when a node dies, with what certainly had no effect', async () => {
    const bench = await FacadeBench.ready();
    await bench.run(bench.unary(PUT, put('a', '1')));
    bench.nodes.nodes[0]!.kill();
    bench.nodes.partitions[0]!.leader = 2;
    const answer = await bench.run(bench.unary(GET, get('a')));
    expect(GetResponse.decode(answer).kv?.value).toEqual(Buffer.from('1'));
  });

  it('never send a write without an op id again once it may have taken effect', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = (item) => {
      item.node.apply(item);
      item.stream.end(new DougError('IN_DOUBT', 'broken'));
    };
    expect(await bench.fails(bench.unary(PUT, put('a')))).toMatchObject({
      reason: 'IN_DOUBT',
      outcome: 'UNKNOWN',
    });
    expect(bench.nodes.arrivals.length).toBe(1);
  });

  it('send one with an op id again, and say so', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = (item) => {
      if (bench.nodes.arrivals.length > 1) item.node.answer(item);
      else item.stream.end(new DougError('IN_DOUBT', 'broken'));
    };
    await bench.run(bench.unary(PUT, put('a', 'v', { opId })));
    expect(bench.nodes.arrivals.map((a) => a.resend)).toEqual([false, true]);
  });

  it('tell the outcome of all attempts, INVARIANT(outcome-of-all-attempts)', async () => {
    const bench = await FacadeBench.ready();
    const replies = ['IN_DOUBT', 'INVALID_ARGUMENT'] as const;
    bench.nodes.serve = (item) => {
      const reason = replies[bench.nodes.arrivals.length - 1] ?? 'INVALID_ARGUMENT';
      item.node.refuse(item, new DougError(reason, 'x'));
    };
    expect(await bench.fails(bench.unary(PUT, put('a', 'v', { opId })))).toMatchObject({
      reason: 'IN_DOUBT',
      outcome: 'UNKNOWN',
    });
    bench.nodes.arrivals.length = 0;
    bench.nodes.serve = (item) => {
      const isFirst = bench.nodes.arrivals.length === 1;
      const options = { outcome: 'NOT_APPLIED' as const };
      const reason = isFirst ? 'IN_DOUBT' : 'SESSION_EXPIRED';
      item.node.refuse(item, new DougError(reason, 'x', isFirst ? {} : options));
    };
    expect(await bench.fails(bench.unary(PUT, put('a', 'v', { opId })))).toMatchObject({
      reason: 'SESSION_EXPIRED',
      outcome: 'UNKNOWN',
    });
    bench.nodes.serve = (item) => item.node.refuse(item, new DougError('IN_DOUBT', 'x'));
    expect(await bench.fails(bench.unary(GET, get('a'), 200))).toMatchObject({
      outcome: 'NOT_APPLIED',
    });
  });

  it('end with the caller’s time', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = (item) => item.node.refuse(item, new DougError('NO_LEADER', 'none'));
    const before = bench.scheduler.nowMs;
    const error = await bench.fails(bench.unary(PUT, put('a'), 500));
    expect(error).toMatchObject({ reason: 'DEADLINE', outcome: 'NOT_APPLIED' });
    expect(error.message).toContain('NO_LEADER');
    expect(bench.scheduler.nowMs - before).toBeLessThanOrEqual(500);
    bench.nodes.serve = () => undefined;
    expect(await bench.fails(bench.unary(PUT, put('a'), 500))).toMatchObject({
      reason: 'IN_DOUBT',
      outcome: 'UNKNOWN',
    });
  });

  it('are not pursued when the caller has gone away', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = (item) => item.node.refuse(item, new DougError('NO_LEADER', 'none'));
    const gone = new AbortController();
    const call = { deadlineMs: bench.clock.monotonicMs() + 5_000, signal: gone.signal };
    const failed = bench.facade.unary(GET, get('a'), call).catch((error: DougError) => error);
    await bench.until('it was sent', () => bench.nodes.arrivals.length > 0);
    gone.abort();
    const sent = bench.nodes.arrivals.length;
    await bench.scheduler.advance(2_000);
    expect(bench.nodes.arrivals.length).toBe(sent);
    expect(await failed).toMatchObject({ reason: 'ABORTED', outcome: 'NOT_APPLIED' });
    expect(bench.facade.openStreams).toBe(0);
  });

  it.each<[string, Uint8Array, string]>([
    ['garbage', Uint8Array.of(255, 255), 'INVALID_ARGUMENT'],
    ['an empty key', put(''), 'INVALID_ARGUMENT'],
    [
      'the meta group',
      put('a', 'v', { context: { clusterId, partitionId: 1, epochVersion: 0 } }),
      'INVALID_ARGUMENT',
    ],
    [
      'another cluster',
      put('a', 'v', {
        context: { clusterId: new Uint8Array(16), partitionId: 0, epochVersion: 0 },
      }),
      'CLUSTER_MISMATCH',
    ],
    [
      'a session that is none',
      put('a', 'v', { opId: { ...opId, session: key('x') } }),
      'INVALID_ARGUMENT',
    ],
    ['two conditions', put('a', 'v', { ifAbsent: true, ifRevision: 4 }), 'INVALID_ARGUMENT'],
    ['too much', new Uint8Array(limits.requestBytes + 1), 'TOO_LARGE'],
  ])('refuse %s', async (_what, request, reason) => {
    const bench = await FacadeBench.ready();
    expect(await bench.fails(bench.unary(PUT, request))).toMatchObject({
      reason,
      outcome: 'NOT_APPLIED',
    });
    expect(bench.nodes.arrivals).toEqual([]);
  });

  it('refuse a consistency and a method that nobody knows', async () => {
    const bench = await FacadeBench.ready();
    expect(
      await bench.fails(bench.unary(GET, get('a', { consistency: 7 as Consistency }))),
    ).toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
    const method = '/dougdb.v1.Doug/Nothing' as typeof GET;
    expect(await bench.fails(bench.unary(method, get('a')))).toMatchObject({
      reason: 'UNIMPLEMENTED',
    });
  });
});

function key(text: string): Uint8Array {
  return Buffer.from(text);
}

describe('MultiGet', () => {
  const multiGet = (keys: readonly string[]): Uint8Array =>
    MultiGetRequest.encode({
      context: undefined,
      keys: keys.map(key),
      consistency: 0,
      maxAgeMs: 0,
    }).finish();

  it('reads from all partitions, in the order of the keys', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    for (const name of ['a', 'k', 'z']) {
      bench.nodes.data.set(name, { value: `of ${name}`, revision: 7 });
    }
    const answer = await bench.run(bench.unary(MULTI_GET, multiGet(['z', 'none', 'a', 'k', 'z'])));
    const { headers, results } = MultiGetResponse.decode(answer);
    expect(
      results.map(({ found, value }) => (found ? Buffer.from(value).toString() : null)),
    ).toEqual(['of z', null, 'of a', 'of k', 'of z']);
    expect(results.map(({ header }) => headers[header]?.partitionId)).toEqual([4, 3, 2, 3, 4]);
    expect(headers.length).toBe(3);
  });

  it('goes on with the keys that were refused', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    bench.nodes.partitions[2]!.leader = 1;
    bench.nodes.data.set('z', { value: 'of z', revision: 7 });
    const answer = await bench.run(bench.unary(MULTI_GET, multiGet(['a', 'z'])));
    expect(MultiGetResponse.decode(answer).results.map(({ found }) => found)).toEqual([
      false,
      true,
    ]);
  });

  it('fails whole with the first that cannot be read, and lets the others go', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    bench.nodes.serve = (item) => {
      const reason = item.key === 'k' ? 'PERMISSION_DENIED' : 'NO_LEADER';
      item.node.refuse(item, new DougError(reason, 'no'));
    };
    const error = await bench.fails(bench.unary(MULTI_GET, multiGet(['a', 'k', 'z'])));
    expect(error).toMatchObject({ reason: 'PERMISSION_DENIED', outcome: 'NOT_APPLIED' });
    const sent = bench.nodes.arrivals.length;
    await bench.scheduler.advance(3_000);
    expect(bench.nodes.arrivals.length).toBe(sent);
  });

  it('is TOO_LARGE above the limit of an answer, and takes no more keys than a command', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.data.set('big', { value: 'x'.repeat(1 << 20), revision: 1 });
    const four = await bench.run(bench.unary(MULTI_GET, multiGet(['big', 'big', 'big'])));
    expect(four.length).toBeLessThanOrEqual(limits.requestBytes);
    expect(
      await bench.fails(bench.unary(MULTI_GET, multiGet(['big', 'big', 'big', 'big']))),
    ).toMatchObject({ reason: 'TOO_LARGE' });
    const keys = Array.from({ length: limits.commandKeys + 1 }, (_, i) => `k${i}`);
    expect(await bench.fails(bench.unary(MULTI_GET, multiGet(keys)))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
    const most = await bench.run(bench.unary(MULTI_GET, multiGet(keys.slice(1))));
    expect(MultiGetResponse.decode(most).results.length).toBe(limits.commandKeys);
    expect(await bench.fails(bench.unary(MULTI_GET, multiGet(['a', ''])))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
  });
});

describe('Scan', () => {
  const names = ['a', 'b', 'c', 'd', 'h', 'i', 'k', 'o', 'p', 'q', 'z'];

  async function filled(): Promise<FacadeBench> {
    const bench = await FacadeBench.ready({ partitions: split });
    for (const [at, name] of names.entries()) {
      bench.nodes.data.set(name, { value: `of ${name}`, revision: at + 1 });
    }
    return bench;
  }

  async function scan(
    bench: FacadeBench,
    request: Partial<ScanRequest>,
    taken: (chunk: ScanResponse) => Promise<void> = () => Promise.resolve(),
    timeoutMs = 60_000,
  ): Promise<ScanResponse[]> {
    const chunks: ScanResponse[] = [];
    const call = { deadlineMs: bench.clock.monotonicMs() + timeoutMs };
    const full = ScanRequest.encode(ScanRequest.fromPartial(request)).finish();
    const done = bench.facade.scan(full, call, {
      send: (bytes) => {
        const chunk = ScanResponse.decode(bytes);
        chunks.push(chunk);
        return taken(chunk);
      },
    });
    await bench.run(done);
    return chunks;
  }

  const keysOf = (chunks: readonly ScanResponse[]): string[] =>
    chunks.flatMap(({ kvs }) => kvs.map((kv) => Buffer.from(kv.key).toString()));

  it.each<[string, Partial<ScanRequest>, string[]]>([
    ['everything', {}, names],
    ['a range', { start: key('c'), end: key('p') }, ['c', 'd', 'h', 'i', 'k', 'o']],
    ['in reverse', { reverse: true }, [...names].reverse()],
    [
      'a range in reverse',
      { start: key('d'), end: key('q'), reverse: true },
      ['p', 'o', 'k', 'i', 'h', 'd'],
    ],
    ['a limit', { limit: 6 }, names.slice(0, 6)],
    ['a limit at the end of a partition', { limit: 4 }, names.slice(0, 4)],
    ['a limit in reverse', { limit: 5, reverse: true }, ['z', 'q', 'p', 'o', 'k']],
    ['nothing', { start: key('e'), end: key('g') }, []],
    ['an empty range', { start: key('b'), end: key('b') }, []],
    ['of any replica', { consistency: Consistency.CONSISTENCY_EVENTUAL }, names],
  ])('yields %s over partitions', async (_what, request, expected) => {
    const bench = await filled();
    const chunks = await scan(bench, request);
    expect(keysOf(chunks)).toEqual(expected);
    // Only the last chunk ends it.
    expect(chunks.length).toBeGreaterThan(0);
    expect(chunks.slice(0, -1).every((chunk) => chunk.resumeKey !== undefined)).toBe(true);
    expect(chunks.at(-1)?.resumeKey).toBeUndefined();
    for (const { kvs, header } of chunks) {
      if (kvs.length === 0) continue;
      const holder = bench.nodes.partitionOf(Buffer.from(kvs[0]!.key).toString());
      expect(header?.partitionId).toBe(holder.id);
    }
  });

  it.each([false, true])('goes on from any chunk’s resume key (reverse: %s)', async (reverse) => {
    const bench = await filled();
    const expected = reverse ? [...names].reverse() : names;
    const chunks = await scan(bench, { reverse });
    for (const [at, { resumeKey }] of chunks.entries()) {
      if (resumeKey === undefined) continue;
      const before = keysOf(chunks.slice(0, at + 1));
      const rest = await scan(bench, reverse ? { end: resumeKey, reverse } : { start: resumeKey });
      expect([...before, ...keysOf(rest)]).toEqual(expected);
    }
  });

  it('loses nothing when the map is wrong about ranges', async () => {
    const bench = await FacadeBench.ready();
    // The facade has learned that one partition holds everything; now there are three.
    bench.nodes.partitions.splice(
      0,
      1,
      ...split.map((partition) => ({ ...partition, version: 1 })),
    );
    for (const name of names) bench.nodes.data.set(name, { value: 'v', revision: 1 });
    expect(keysOf(await scan(bench, {}))).toEqual(names);
    expect(keysOf(await scan(bench, { reverse: true }))).toEqual([...names].reverse());
  });

  it('goes on where it was when a leader dies in between', async () => {
    const bench = await filled();
    bench.nodes.chunkEntries = 1;
    const chunks = await scan(bench, {}, (chunk) => {
      if (Buffer.from(chunk.kvs[0]?.key ?? []).toString() === 'i') {
        bench.nodes.nodes[1]!.kill();
        for (const partition of bench.nodes.partitions) partition.leader = 3;
      }
      return Promise.resolve();
    });
    expect(keysOf(chunks)).toEqual(names);
  });

  it('fetches no chunk before the one before was taken', async () => {
    const bench = await filled();
    bench.nodes.chunkEntries = 1;
    let taken = 0;
    await scan(bench, { end: key('e') }, async () => {
      taken++;
      await bench.nodes.pause(50);
    });
    expect(taken).toBe(4);
    expect(bench.nodes.streamCalls.filter(({ path }) => path.endsWith('Scan')).length).toBe(1);
  });

  it('ends with its deadline, and with its caller', async () => {
    const bench = await filled();
    bench.nodes.chunkEntries = 1;
    const slow = scan(bench, {}, () => bench.nodes.pause(400), 1_000);
    await expect(slow).rejects.toMatchObject({ reason: 'DEADLINE', outcome: 'NOT_APPLIED' });
    const gone = new AbortController();
    const call = { deadlineMs: bench.clock.monotonicMs() + 60_000, signal: gone.signal };
    const aborted = bench.facade.scan(
      ScanRequest.encode(ScanRequest.fromPartial({})).finish(),
      call,
      {
        send: () => {
          gone.abort();
          return Promise.resolve();
        },
      },
    );
    expect(await bench.fails(aborted)).toMatchObject({ reason: 'ABORTED' });
    expect(bench.facade.openStreams).toBe(0);
  });

  it.each<[string, Partial<ScanRequest>, string]>([
    ['a start behind the end', { start: key('b'), end: key('a') }, 'INVALID_ARGUMENT'],
    ['a bound that is no key', { start: new Uint8Array(limits.keyBytes + 1) }, 'INVALID_ARGUMENT'],
    ['an unknown consistency', { consistency: 9 as Consistency }, 'INVALID_ARGUMENT'],
    [
      'the meta group',
      { context: { clusterId, partitionId: 1, epochVersion: 0 } },
      'INVALID_ARGUMENT',
    ],
  ])('refuses %s', async (_what, request, reason) => {
    const bench = await filled();
    await expect(scan(bench, request)).rejects.toMatchObject({ reason });
  });
});

describe('Routes', () => {
  it('describes the facade as one, with its map and the log times that it has heard', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    await bench.run(bench.unary(PUT, put('a')));
    const answer = await bench.run(bench.unary('/dougdb.v1.Routes/Describe', new Uint8Array(0)));
    const told = DescribeResponse.decode(answer);
    expect(told).toMatchObject({
      kind: EndpointKind.ENDPOINT_KIND_FACADE,
      nodeId: 0,
      version: '1.2.3',
    });
    expect(Buffer.from(told.clusterId)).toEqual(Buffer.from(clusterId));
    expect(told.nodes).toMatchObject(bench.nodes.descriptors());
    expect(told.limits).toMatchObject({
      keyBytes: 8192,
      valueBytes: 1 << 20,
      requestBytes: 4 << 20,
    });
    const seen = told.partitions.map(({ partition, leaderNodeId, logTime, nodes }) => [
      partition?.partitionId,
      partition?.epoch?.version,
      leaderNodeId,
      logTime,
      nodes.length,
    ]);
    expect(seen).toEqual([
      [2, 2, 1, 8192, 3],
      [3, 2, 2, 4096, 3],
      [4, 2, 3, 4096, 3],
    ]);
  });

  it('looks a key up, and waits for what it does not know', async () => {
    const bench = await FacadeBench.ready({ partitions: split.slice(0, 2) });
    const lookup = (text: string): Uint8Array =>
      LookupRequest.encode({ context: undefined, key: key(text) }).finish();
    const LOOKUP = '/dougdb.v1.Routes/Lookup';
    const known = await bench.run(bench.unary(LOOKUP, lookup('i')));
    expect(LookupResponse.decode(known).route?.partition?.partitionId).toBe(3);
    const later = bench.unary(LOOKUP, lookup('z'));
    await bench.scheduler.advance(100);
    bench.nodes.partitions.push({ ...split[2]! });
    expect(LookupResponse.decode(await bench.run(later)).route?.leaderNodeId).toBe(3);
    bench.nodes.partitions.splice(2);
    const other = await FacadeBench.ready({ partitions: split.slice(0, 2) });
    expect(await other.fails(other.unary(LOOKUP, lookup('z'), 100))).toMatchObject({
      reason: 'NO_LEADER',
    });
  });

  it('passes its map on, and every change, to whoever watches', async () => {
    const bench = await FacadeBench.ready({ partitions: split });
    const heard: WatchMapResponse[] = [];
    const stop = new AbortController();
    const request = WatchMapRequest.encode({ clusterId, sinceRevision: 0 }).finish();
    const done = bench.facade.watchMap(
      request,
      {
        send: (bytes) => {
          heard.push(WatchMapResponse.decode(bytes));
          return Promise.resolve();
        },
      },
      stop.signal,
    );
    await bench.scheduler.advance(1);
    expect(heard[0]?.partitions.map(({ partitionId }) => partitionId)).toEqual([2, 3, 4]);
    expect(heard[0]?.leaders.length).toBe(3);
    expect(heard[0]?.nodes.length).toBe(3);
    bench.nodes.partitions[1]!.leader = 1;
    await bench.run(bench.unary(PUT, put('i')));
    await bench.until('the change', () => heard.some(({ leaders }) => leaders.length === 1));
    expect(heard.at(-1)).toMatchObject({
      partitions: [],
      nodes: [],
      leaders: [{ partitionId: 3, leaderNodeId: 1 }],
    });
    const before = heard.length;
    await bench.scheduler.advance(20_000);
    expect(heard.length - before).toBeGreaterThanOrEqual(4);
    stop.abort();
    await bench.run(done);
    const other = WatchMapRequest.encode({ clusterId: new Uint8Array(16), sinceRevision: 0 });
    const refused = bench.facade.watchMap(
      other.finish(),
      { send: () => Promise.resolve() },
      new AbortController().signal,
    );
    expect(await bench.fails(refused)).toMatchObject({ reason: 'CLUSTER_MISMATCH' });
  });
});

describe('Admin', () => {
  const STATUS = '/dougdb.admin.v1.Admin/Status';
  const status = (nodeId: number): Uint8Array => StatusRequest.encode({ nodeId }).finish();

  it('tells the facade’s own state, and asks the node that is meant for that of a node', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.onUnary = (address, path) =>
      path === STATUS
        ? StatusResponse.encode(StatusResponse.fromPartial({ version: `of ${address}` })).finish()
        : undefined;
    const own = StatusResponse.decode(await bench.run(bench.unary(STATUS, status(0))));
    expect(own).toMatchObject({
      node: { nodeId: 0, address: 'facade:4300' },
      version: '1.2.3',
      replicas: [],
      limits: { keyBytes: 8192 },
    });
    const other = StatusResponse.decode(await bench.run(bench.unary(STATUS, status(2))));
    expect(other.version).toBe('of n2:1');
    expect(await bench.fails(bench.unary(STATUS, status(77)))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
  });

  it('asks any node for the lists, another one where one does not answer', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.nodes[0]!.isMute = true;
    bench.nodes.nodes[1]!.isDown = true;
    const answer = Uint8Array.of(1, 2, 3);
    bench.nodes.onUnary = (_address, path) =>
      path.startsWith('/dougdb.admin') ? answer : undefined;
    for (const method of ['MemberList', 'PartitionList'] as const) {
      const path = `/dougdb.admin.v1.Admin/${method}` as const;
      expect(await bench.run(bench.unary(path, new Uint8Array(0)))).toBe(answer);
    }
    bench.nodes.nodes[2]!.isDown = true;
    const path = '/dougdb.admin.v1.Admin/MemberList';
    expect(await bench.fails(bench.unary(path, new Uint8Array(0), 3_000))).toMatchObject({
      reason: 'DEADLINE',
    });
  });

  it('sends a transfer of leadership to the leader, and to the next one when that has changed', async () => {
    const bench = await FacadeBench.ready();
    const asked: string[] = [];
    bench.nodes.partitions[0]!.leader = 3;
    bench.nodes.onUnary = (address, path) => {
      if (!path.endsWith('TransferLeader')) return undefined;
      asked.push(address);
      if (address !== 'n3:1') {
        const route = bench.nodes.hint(bench.nodes.partitions[0]!);
        throw new DougError('NOT_LEADER', 'no', { route });
      }
      return TransferLeaderResponse.encode({ leaderNodeId: 2, term: 9 }).finish();
    };
    const TRANSFER = '/dougdb.admin.v1.Admin/TransferLeader';
    const transfer = (partitionId: number): Uint8Array =>
      TransferLeaderRequest.encode({ clusterId, partitionId, toNodeId: 2 }).finish();
    const answer = await bench.run(bench.unary(TRANSFER, transfer(2)));
    expect(TransferLeaderResponse.decode(answer)).toMatchObject({ leaderNodeId: 2, term: 9 });
    expect(asked).toEqual(['n1:1', 'n3:1']);
    asked.length = 0;
    // The meta group is in no map of a facade: nodes tell who leads it.
    await bench.run(bench.unary(TRANSFER, transfer(1)));
    expect(asked.at(-1)).toBe('n3:1');
    asked.length = 0;
    bench.nodes.onUnary = (address, path) => {
      if (!path.endsWith('TransferLeader')) return undefined;
      asked.push(address);
      throw new DougError('DEADLINE', 'node 2 did not take over');
    };
    expect(await bench.fails(bench.unary(TRANSFER, transfer(2)))).toMatchObject({
      reason: 'DEADLINE',
    });
    expect(asked.length).toBe(1);
  });
});

describe('the life of a facade', () => {
  it('begins without a cluster: STARTING, not ready, and asks on', async () => {
    const bench = new FacadeBench();
    for (const node of bench.nodes.nodes) node.isDown = true;
    bench.facade.start();
    await bench.scheduler.advance(12_000);
    expect(bench.facade.notReadyReason()).toBe('no partition map yet');
    expect(bench.events.filter(({ event }) => event === 'facade.waiting').length).toBe(2);
    for (const request of [
      bench.unary(GET, get('a')),
      bench.unary('/dougdb.v1.Routes/Describe', new Uint8Array(0)),
    ]) {
      expect(await bench.fails(request)).toMatchObject({ reason: 'STARTING' });
    }
    bench.nodes.nodes[2]!.isDown = false;
    await bench.until('ready', () => bench.facade.notReadyReason() === null);
    bench.nodes.nodes[0]!.isDown = false;
    await bench.run(bench.unary(PUT, put('a')));
  });

  it('needs one of the listed nodes, whatever the others are', async () => {
    const bench = await FacadeBench.ready({
      addresses: ['nowhere:1', 'elsewhere:2', 'gone:3', 'n2:1'],
    });
    await bench.run(bench.unary(PUT, put('a')));
    expect(bench.nodes.arrivals[0]?.node.nodeId).toBe(1);
  });

  it('is not ready when no node was heard of for a while', async () => {
    const bench = await FacadeBench.ready();
    for (const node of bench.nodes.nodes) node.kill();
    await bench.scheduler.advance(20_000);
    expect(bench.facade.notReadyReason()).toMatch(/^no node was heard of for \d+ ms$/);
    for (const node of bench.nodes.nodes) node.isDown = false;
    await bench.until('ready again', () => bench.facade.notReadyReason() === null);
  });

  it('drains: takes nothing more and waits for what is under way', async () => {
    const bench = await FacadeBench.ready();
    const held: (() => void)[] = [];
    bench.nodes.serve = (item) => held.push(() => item.node.answer(item));
    const call = bench.unary(PUT, put('a'));
    await bench.until('it was sent', () => held.length > 0);
    const drained = bench.facade.drain(8_000);
    await bench.scheduler.advance(500);
    expect(bench.facade.notReadyReason()).toBe('draining');
    expect(await bench.fails(bench.unary(GET, get('a')))).toMatchObject({ reason: 'DRAINING' });
    for (const answer of held) answer();
    await bench.run(drained);
    await bench.run(call);
    await bench.run(bench.facade.close());
    await bench.scheduler.advance(10);
    expect(bench.clock.pendingCount).toBe(0);
    expect(bench.nodes.isClosed).toBe(true);
  });

  it('gives up what does not end in time, and says what is certain about it', async () => {
    const bench = await FacadeBench.ready();
    bench.nodes.serve = () => undefined;
    const write = bench.fails(bench.unary(PUT, put('a'), 60_000));
    const read = bench.fails(bench.unary(GET, get('a'), 60_000));
    await bench.until('they were sent', () => bench.nodes.arrivals.length === 2);
    await bench.run(bench.facade.drain(1_000));
    await bench.run(bench.facade.close());
    expect(await write).toMatchObject({ outcome: 'UNKNOWN' });
    expect(await read).toMatchObject({ outcome: 'NOT_APPLIED' });
    expect(bench.facade.openStreams).toBe(0);
    await bench.scheduler.advance(10);
    expect(bench.clock.pendingCount).toBe(0);
  });
});

describe('the map of a facade', () => {
  interface Told {
    readonly revision: number;
    readonly message: Partial<WatchMapResponse>;
  }

  /** Nodes that tell what a test puts into their list. */
  function watchable(bench: FacadeBench) {
    const lists = new Map<number, Told[]>(bench.nodes.nodes.map((node) => [node.nodeId, []]));
    const requests: { node: number; since: number }[] = [];
    bench.nodes.watchMap = async function* (node, request, signal) {
      requests.push({
        node: node.nodeId,
        since: WatchMapRequest.decode(request).sinceRevision,
      });
      const list = lists.get(node.nodeId)!;
      while (!signal.aborted) {
        if (node.isDown) throw new DougError('NO_LEADER', 'down');
        const next = list.shift();
        if (next !== undefined) {
          yield WatchMapResponse.encode(
            WatchMapResponse.fromPartial({ clusterId, revision: next.revision, ...next.message }),
          ).finish();
        }
        await bench.nodes.pause(5);
      }
    };
    return { lists, requests };
  }

  const describe_ = async (bench: FacadeBench): Promise<DescribeResponse> =>
    DescribeResponse.decode(
      await bench.run(bench.unary('/dougdb.v1.Routes/Describe', new Uint8Array(0))),
    );

  it('follows what a node tells of partitions, nodes and leaders', async () => {
    const bench = new FacadeBench();
    const { lists, requests } = watchable(bench);
    bench.facade.start();
    await bench.until('a watch', () => requests.length === 1);
    const watched = requests[0]!.node;
    const nodes: NodeDescriptor[] = [{ nodeId: 1, address: 'moved:1', uuid: new Uint8Array(16) }];
    lists.get(watched)!.push({
      revision: 12,
      message: {
        nodes,
        partitions: split.map((partition) => bench.nodes.hint(partition).partition!),
        leaders: [{ partitionId: 4, leaderNodeId: 1 }],
      },
    });
    await bench.scheduler.advance(50);
    const told = await describe_(bench);
    expect(told.partitions.map(({ leaderNodeId }) => leaderNodeId)).toEqual([1, 0, 1]);
    expect(told.nodes.find(({ nodeId }) => nodeId === 1)?.address).toBe('moved:1');
  });

  it('goes on with another node from where it was, when one ends or falls silent', async () => {
    const bench = new FacadeBench();
    const { lists, requests } = watchable(bench);
    bench.facade.start();
    await bench.until('a watch', () => requests.length === 1);
    const first = requests[0]!.node;
    lists.get(first)!.push({ revision: 12, message: {} });
    await bench.scheduler.advance(5_000);
    expect(requests.length).toBe(1);
    await bench.until('another', () => requests.length === 2, 15_000);
    expect(requests[1]).toMatchObject({ since: 12 });
    expect(requests[1]!.node).not.toBe(first);
    bench.nodes.nodes[requests[1]!.node - 1]!.kill();
    await bench.until('a third', () => requests.length === 3, 15_000);
    expect(requests[2]!.node).not.toBe(requests[1]!.node);
  });

  it('takes no word of another cluster', async () => {
    const bench = new FacadeBench();
    const { lists, requests } = watchable(bench);
    bench.facade.start();
    await bench.until('a watch', () => requests.length === 1);
    lists.get(requests[0]!.node)!.push({
      revision: 99,
      message: {
        clusterId: new Uint8Array(16),
        partitions: [bench.nodes.hint({ ...split[0]!, version: 50 }).partition!],
      },
    });
    await bench.until('another', () => requests.length === 2, 15_000);
    expect(requests[1]!.since).toBe(0);
    expect((await describe_(bench)).partitions[0]?.partition?.epoch?.version).toBe(1);
  });

  it('that has lost everything is found again by whoever only asks for it', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const bench = new FacadeBench({ partitions: split, forge: true, seed });
      const { lists } = watchable(bench);
      bench.facade.start();
      await bench.until('ready', () => bench.facade.notReadyReason() === null);
      // No request meets what is wrong, and the watch has no news, so nothing mends it meanwhile.
      for (let second = 0; second < 20; second++) {
        for (const list of lists.values()) list.push({ revision: 12, message: {} });
        await bench.scheduler.advance(1_000);
      }
      let told = await describe_(bench);
      for (let asked = 1; told.partitions.length === 0 && asked < 50; asked++) {
        await bench.scheduler.advance(100);
        told = await describe_(bench);
      }
      expect([seed, told.partitions.length]).toEqual([seed, expect.any(Number)]);
      expect(told.partitions.length).toBeGreaterThan(0);
      await bench.run(bench.facade.close());
    }
  });

  it('that is forged all the time makes calls slow, and never wrong', async () => {
    const bench = await FacadeBench.ready({ partitions: split, forge: true, seed: 7 });
    bench.nodes.latencyMs = 10;
    const known = new Map<string, string>();
    for (let i = 0; i < 200; i++) {
      const name = String.fromCharCode(97 + (i % 26));
      await bench.run(bench.unary(PUT, put(name, `${i}`), 20_000));
      known.set(name, `${i}`);
      const other = String.fromCharCode(97 + ((i * 7) % 26));
      const answer = GetResponse.decode(await bench.run(bench.unary(GET, get(other), 20_000)));
      const found = answer.kv === undefined ? undefined : Buffer.from(answer.kv.value).toString();
      expect([other, found]).toEqual([other, known.get(other)]);
    }
    const { metrics } = bench;
    const unroutable = metrics.value('doug_facade_unroutable_total') ?? 0;
    const refused = (code: string): number =>
      metrics.value('doug_facade_node_refusals_total', { code }) ?? 0;
    expect(unroutable).toBeGreaterThan(5);
    expect(refused('NOT_LEADER')).toBeGreaterThan(5);
    expect(refused('EPOCH_MISMATCH')).toBeGreaterThan(5);
    const chunks: ScanResponse[] = [];
    const scanned = bench.facade.scan(
      ScanRequest.encode(ScanRequest.fromPartial({})).finish(),
      { deadlineMs: bench.clock.monotonicMs() + 120_000 },
      {
        send: (bytes) => {
          chunks.push(ScanResponse.decode(bytes));
          return bench.nodes.pause(30);
        },
      },
    );
    await bench.run(scanned);
    const keys = chunks.flatMap(({ kvs }) => kvs.map((kv) => Buffer.from(kv.key).toString()));
    expect(keys).toEqual([...known.keys()].sort());
    expect(bench.events.map(({ event }) => event)).toContain('facade.map.forged');
  });
});
