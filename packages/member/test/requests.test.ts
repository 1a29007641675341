import {
  CompareRelation,
  Consistency,
  DescribeResponse,
  encodePut,
  GetRequest,
  limits,
  PipeRequestWriter,
  PipeResponse,
  type PipeResult,
  PutRequest,
  type PutResponse,
} from '@dougdb/rpc-proto';
import type { PipeSession } from '../src/index.js';
import {
  bytes,
  del,
  deleteRange,
  errorOf,
  followersOf,
  get,
  getStep,
  leaderOf,
  multiGet,
  opId,
  put,
  putStep,
  scan,
  status,
  text,
  txn,
  value,
} from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';

async function readyCluster(count: number): Promise<TestCluster> {
  const cluster = new TestCluster(count);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

interface OpenPipe {
  readonly session: PipeSession;
  readonly responses: PipeResponse[];
  readonly failures: unknown[];
}

function openPipe(node: TestNode): OpenPipe {
  const responses: PipeResponse[] = [];
  const failures: unknown[] = [];
  const session = node.member.openPipe({
    send: (response) => responses.push(PipeResponse.decode(response)),
    drained: () => undefined,
    fail: (error) => failures.push(error),
  });
  return { session, responses, failures };
}

const rows = (pipe: OpenPipe): PipeResult[] => pipe.responses.flatMap((r) => r.results);
const codes = (pipe: OpenPipe): string[] =>
  rows(pipe).map(({ result }) =>
    result?.$case === 'error' ? String(result.value.code) : String(result?.$case),
  );

describe.each([1, 3])('requests to a cluster of %i', (count) => {
  let cluster: TestCluster;
  let leader: TestNode;
  beforeAll(async () => {
    cluster = await readyCluster(count);
    leader = await leaderOf(cluster);
  });

  it('put, get and delete by unary calls, each with a header', async () => {
    const first = await put(leader, 'user/1', 'Ada');
    expect(first.header).toMatchObject({
      partitionId: 2,
      served: Consistency.CONSISTENCY_LINEARIZABLE,
      nodeId: cluster.nodes.indexOf(leader) + 1,
    });
    const hit = await get(leader, 'user/1');
    expect([text(hit.kv?.key), text(hit.kv?.value), hit.kv?.revision]).toEqual([
      'user/1',
      'Ada',
      first.revision,
    ]);
    expect((await del(leader, 'user/1')).revision).toBe(first.revision + 1);
    expect((await get(leader, 'user/1')).kv).toBeUndefined();
  });

  it('an op that is sent again is applied once', async () => {
    const { header } = await get(leader, 'x');
    const id = opId(header?.logTime ?? 0, 1);
    const first = await put(leader, 'once', '1', { opId: id });
    const again = await put(leader, 'once', '1', { opId: id });
    expect(again.revision).toBe(first.revision);
    expect((await get(leader, 'once')).kv?.revision).toBe(first.revision);
  });

  it('puts and deletes under conditions, and tells what was there', async () => {
    const looked = ({ compareFailed, previousRevision, previousValue }: PutResponse): unknown[] => [
      compareFailed,
      previousRevision,
      text(previousValue),
    ];
    const first = await put(leader, 'c/1', 'one', { ifAbsent: true });
    expect(looked(first)).toEqual([false, 0, '']);
    const refused = await put(leader, 'c/1', 'two', { ifAbsent: true, returnPrevious: true });
    expect(looked(refused)).toEqual([true, first.revision, 'one']);
    expect(refused.revision).toBe(first.revision);
    const second = await put(leader, 'c/1', 'two', { ifRevision: first.revision });
    expect(looked(second)).toEqual([false, first.revision, '']);
    const { header } = await get(leader, 'c/1');
    const id = opId(header?.logTime ?? 0, 1, { session: new Uint8Array(16).fill(0x11) });
    const removal = { opId: id, ifRevision: second.revision, returnPrevious: true };
    const removed = await del(leader, 'c/1', removal);
    expect(looked(removed)).toEqual([false, second.revision, 'two']);
    await put(leader, 'c/1', 'three');
    expect(await del(leader, 'c/1', removal)).toMatchObject({
      ...removed,
      header: expect.anything(),
    });
    expect(await value(leader, 'c/1')).toBe('three');
    const nothing = await del(leader, 'c/none', { returnExisted: true });
    expect(looked(nothing)).toEqual([false, 0, '']);
    const both = put(leader, 'c/1', 'x', { ifAbsent: true, ifRevision: 1 });
    expect((await errorOf(both)).reason).toBe('INVALID_ARGUMENT');
  });

  it('carries out a transaction, and answers it again by its op id', async () => {
    const { revision } = await put(leader, 't/1', 'one');
    const { header } = await get(leader, 't/1');
    const id = opId(header?.logTime ?? 0, 1, { session: new Uint8Array(16).fill(0x22) });
    const request = {
      opId: id,
      txn: {
        compares: [
          {
            key: bytes('t/1'),
            relation: CompareRelation.COMPARE_RELATION_EQUAL,
            target: { $case: 'revision' as const, value: revision },
          },
        ],
        success: [putStep('t/1', 'two'), putStep('t/2', 'three'), getStep('t/1')],
        failure: [getStep('t/1')],
      },
    };
    const first = await txn(leader, request);
    expect(first).toMatchObject({ revision: revision + 1, resultNotKept: false });
    expect(first.header).toMatchObject({ partitionId: 2, revision: revision + 1 });
    const [, , found] = first.result?.steps ?? [];
    expect([first.result?.succeeded, found?.result]).toMatchObject([
      true,
      {
        $case: 'get',
        value: {
          kv: { key: bytes('t/1'), value: bytes('two'), revision: revision + 1, expiresAt: 0 },
        },
      },
    ]);
    await put(leader, 't/1', 'four');
    const again = await txn(leader, request);
    expect([again.revision, again.result]).toEqual([first.revision, first.result]);
    const failed = await txn(leader, { ...request, opId: undefined });
    expect([failed.revision, failed.result?.succeeded]).toEqual([revision + 2, false]);
    expect(await value(leader, 't/2')).toBe('three');
  });

  it('says of a result that it did not keep which list was carried out', async () => {
    await put(leader, 'u/1', 'x'.repeat(5000));
    const { header } = await get(leader, 'u/1');
    const id = opId(header?.logTime ?? 0, 1, { session: new Uint8Array(16).fill(0x33) });
    const request = { opId: id, txn: { success: [getStep('u/1')] } };
    const first = await txn(leader, request);
    expect(first.result?.steps).toHaveLength(1);
    expect(await txn(leader, request)).toMatchObject({
      revision: first.revision,
      resultNotKept: true,
      result: { succeeded: true, steps: [] },
    });
  });

  it('deletes a range in chunks, each at one revision', async () => {
    for (const at of [1, 2, 3]) await put(leader, `r/${at}`, 'v');
    const { revision } = await put(leader, 'r/4', 'v');
    const first = await deleteRange(leader, 'r/', 'r0', { limit: 3 });
    expect(first).toMatchObject({ revision: revision + 1, resultNotKept: false });
    expect([first.result?.deleted, text(first.result?.resumeKey)]).toEqual([3, 'r/4']);
    const rest = await deleteRange(leader, 'r/4', 'r0');
    expect([rest.revision, rest.result]).toMatchObject([
      revision + 2,
      { deleted: 1, resumeKey: undefined },
    ]);
    const nothing = await deleteRange(leader, 'r/', 'r0');
    expect([nothing.revision, nothing.result?.deleted]).toEqual([revision + 2, 0]);
  });

  it('refuses a transaction of nothing, with what it does not know, and over the limits', async () => {
    const reason = async (call: Promise<unknown>): Promise<string> => (await errorOf(call)).reason;
    expect(await reason(txn(leader, {}))).toBe('INVALID_ARGUMENT');
    expect(await reason(txn(leader, { txn: {} }))).toBe('INVALID_ARGUMENT');
    expect(await reason(txn(leader, { txn: { success: [{}] } }))).toBe('INVALID_ARGUMENT');
    const many = Array.from({ length: limits.txnOps + 1 }, () => getStep('a'));
    expect(await reason(txn(leader, { txn: { success: many } }))).toBe('INVALID_ARGUMENT');
    expect(await reason(deleteRange(leader, 'b', 'a'))).toBe('INVALID_ARGUMENT');
    const unknown = leader.unary('/dougdb.v1.Doug/Txn', Uint8Array.of(0x7a, 0));
    expect(await reason(unknown)).toBe('INVALID_ARGUMENT');
  });

  it('gets many keys with one call, in their order', async () => {
    for (const key of ['m/a', 'm/b']) await put(leader, key, key.toUpperCase());
    for (const consistency of [
      Consistency.CONSISTENCY_UNSPECIFIED,
      Consistency.CONSISTENCY_EVENTUAL,
    ]) {
      const { headers, results } = await multiGet(leader, ['m/b', 'm/none', 'm/a'], {
        consistency,
      });
      expect(results.map((r) => [r.header, r.found, text(r.value)])).toEqual([
        [0, true, 'M/B'],
        [0, false, ''],
        [0, true, 'M/A'],
      ]);
      expect(headers.map((h) => h.partitionId)).toEqual([2]);
    }
    const epoch = { clusterId: new Uint8Array(0), partitionId: 2, epochVersion: 7 };
    const error = await errorOf(multiGet(leader, ['m/a'], { context: epoch }));
    expect([error.reason, error.outcome]).toEqual(['EPOCH_MISMATCH', 'NOT_APPLIED']);
    expect(error.route?.nodes.length).toBe(count);
  });

  it('scans in both directions, with limits', async () => {
    for (const key of ['s/a', 's/b', 's/c']) await put(leader, key, key.toUpperCase());
    const range = { start: bytes('s/'), end: bytes('s0') };
    const keys = async (more: object): Promise<(string | undefined)[]> =>
      (await scan(cluster, leader, { ...range, ...more })).flatMap((chunk) =>
        chunk.kvs.map((kv) => text(kv.key)),
      );
    expect(await keys({})).toEqual(['s/a', 's/b', 's/c']);
    expect(await keys({ reverse: true })).toEqual(['s/c', 's/b', 's/a']);
    expect(await keys({ reverse: true, limit: 2 })).toEqual(['s/c', 's/b']);
    expect(await keys({ start: bytes('s/b'), limit: 1 })).toEqual(['s/b']);
    expect((await scan(cluster, leader, range))[0]?.kvs[0]?.value).toEqual(bytes('S/A'));
  });

  it('serves a pipe: writes and reads of one message, answers with ids', async () => {
    const pipe = openPipe(leader);
    const writer = new PipeRequestWriter();
    writer.begin(100, new Uint8Array(0));
    for (let at = 0; at < 50; at++) {
      writer.addCommand(0, 0, 0, false, encodePut(null, bytes(`p/${at}`), bytes(`${at}`)));
    }
    pipe.session.received(writer.finish());
    await cluster.until('answers', () => rows(pipe).length === 50);
    expect(rows(pipe).map((row) => row.id)).toEqual(
      Array.from({ length: 50 }, (_, at) => 100 + at),
    );
    writer.begin(150, new Uint8Array(0));
    writer.addGet(0, 2, 0, false, Consistency.CONSISTENCY_LINEARIZABLE, bytes('p/7'));
    writer.addGet(0, 0, 0, false, Consistency.CONSISTENCY_EVENTUAL, bytes('none'));
    const conditions = { ifAbsent: true, returnPrevious: true };
    writer.addCommand(0, 0, 0, false, encodePut(null, bytes('p/7'), bytes('x'), conditions));
    pipe.session.received(writer.finish());
    await cluster.until('answers', () => rows(pipe).length === 53);
    const byId = new Map(rows(pipe).map((row) => [row.id, row.result]));
    const refused = byId.get(152);
    expect(refused?.$case === 'write' && refused.value.compareFailed).toBe(true);
    expect(refused?.$case === 'write' && text(refused.value.previousValue)).toBe('7');
    const hit = byId.get(150);
    expect(hit?.$case === 'get' && text(hit.value.value)).toBe('7');
    const miss = byId.get(151);
    expect(miss?.$case === 'get' && miss.value.found).toBe(false);
    expect(pipe.session.openItems).toBe(0);
    pipe.session.closed();
  });

  it.each<[string, Uint8Array, string]>([
    ['an empty key', PutRequest.encode(putOf(new Uint8Array(0), 1)).finish(), 'INVALID_ARGUMENT'],
    [
      'a key of 8 KiB + 1',
      PutRequest.encode(putOf(new Uint8Array(8193), 1)).finish(),
      'INVALID_ARGUMENT',
    ],
    [
      'a value of 1 MiB + 1',
      PutRequest.encode(putOf(bytes('k'), (1 << 20) + 1)).finish(),
      'INVALID_ARGUMENT',
    ],
    ['garbage', Uint8Array.of(255, 254, 253), 'INVALID_ARGUMENT'],
    ['an unknown field', Uint8Array.of(0x1a, 1, 0x6b, 0x7a, 1, 1), 'INVALID_ARGUMENT'],
    ['a message over the limit', new Uint8Array(limits.requestBytes + 1), 'TOO_LARGE'],
    [
      'another cluster’s id',
      PutRequest.encode({
        ...putOf(bytes('k'), 1),
        context: { clusterId: new Uint8Array(16), partitionId: 0, epochVersion: 0 },
      }).finish(),
      'CLUSTER_MISMATCH',
    ],
    [
      'another partition',
      PutRequest.encode({
        ...putOf(bytes('k'), 1),
        context: { clusterId: new Uint8Array(0), partitionId: 9, epochVersion: 0 },
      }).finish(),
      'EPOCH_MISMATCH',
    ],
    [
      'another epoch',
      PutRequest.encode({
        ...putOf(bytes('k'), 1),
        context: { clusterId: new Uint8Array(0), partitionId: 2, epochVersion: 7 },
      }).finish(),
      'EPOCH_MISMATCH',
    ],
    [
      'an op id without a session',
      PutRequest.encode({
        ...putOf(bytes('k'), 1),
        opId: opId(1, 1, { session: bytes('short') }),
      }).finish(),
      'INVALID_ARGUMENT',
    ],
  ])(
    'refuses a put with %s: right code, nothing applied, next call works',
    async (_what, request, code) => {
      const before = await revisionOf(leader);
      const error = await errorOf(leader.unary('/dougdb.v1.Doug/Put', request));
      expect([error.reason, error.outcome]).toEqual([code, 'NOT_APPLIED']);
      expect(await revisionOf(leader)).toBe(before);
      expect((await put(leader, 'after', 'ok')).revision).toBe(before + 1);
    },
  );

  it('refuses a call whose time is up before it begins: DEADLINE, nothing applied', async () => {
    const before = await revisionOf(leader);
    const request = PutRequest.encode(putOf(bytes('late'), 1)).finish();
    const error = await errorOf(leader.unary('/dougdb.v1.Doug/Put', request, 0));
    expect([error.reason, error.outcome]).toEqual(['DEADLINE', 'NOT_APPLIED']);
    expect(await revisionOf(leader)).toBe(before);
  });

  it('refuses a seq below the first incomplete one, and a session that is too old', async () => {
    const logTime = (await get(leader, 'x')).header?.logTime ?? 0;
    const session = new Uint8Array(16).fill(0x77);
    await put(leader, 'k', '5', { opId: opId(logTime, 5, { session, firstIncomplete: 5 }) });
    const before = await revisionOf(leader);
    const below = await errorOf(put(leader, 'k', '4', { opId: opId(logTime, 4, { session }) }));
    expect([below.reason, below.outcome]).toEqual(['SESSION_EXPIRED', 'UNKNOWN']);
    const old = await errorOf(
      put(leader, 'k', '1', { opId: opId(1, 1, { session: bytes('old-session-16-b') }) }),
    );
    expect([old.reason, old.outcome]).toEqual(['SESSION_EXPIRED', 'NOT_APPLIED']);
    expect(old.route?.logTime).toBeGreaterThan(0);
    expect(await revisionOf(leader)).toBe(before);
    expect(await value(leader, 'k')).toBe('5');
  });

  it('refuses a get of a bad key and an unknown consistency', async () => {
    const request = GetRequest.encode({
      context: undefined,
      key: bytes('k'),
      consistency: 0,
      revision: 0,
      maxAgeMs: 0,
    }).finish();
    const unknown = Uint8Array.from([...request, 0x18, 9]);
    for (const bad of [unknown, GetRequest.encode(GetRequest.decode(new Uint8Array(0))).finish()]) {
      const error = await errorOf(leader.unary('/dougdb.v1.Doug/Get', bad));
      expect([error.reason, error.outcome]).toEqual(['INVALID_ARGUMENT', 'NOT_APPLIED']);
    }
  });

  it('refuses bad items of a pipe one by one', async () => {
    const pipe = openPipe(leader);
    const before = await revisionOf(leader);
    const writer = new PipeRequestWriter();
    writer.begin(1, new Uint8Array(0));
    const unknownField = Uint8Array.from([...encodePut(null, bytes('k'), bytes('v')), 0x78, 1]);
    writer.addCommand(0, 0, 0, false, unknownField);
    writer.addCommand(0, 0, 0, false, Uint8Array.of(255));
    writer.addCommand(0, 0, 0, false, encodePut(null, new Uint8Array(8193), bytes('v')));
    writer.addCommand(0, 0, 7, false, encodePut(null, bytes('k'), bytes('v')));
    writer.addCommand(0, 0, 0, false, encodePut(null, bytes('good'), bytes('v')));
    pipe.session.received(writer.finish());
    await cluster.until('answers', () => rows(pipe).length === 5);
    expect(codes(pipe).sort()).toEqual(['1', '1', '1', '4', 'write']);
    expect(await revisionOf(leader)).toBe(before + 1);
    pipe.session.closed();
  });

  it('describes itself', async () => {
    const described = DescribeResponse.decode(
      await leader.unary('/dougdb.v1.Routes/Describe', new Uint8Array(0)),
    );
    expect(described.nodes.map((node) => node.address)).toEqual(
      cluster.nodes.map((n) => n.address),
    );
    expect(described.partitions.map((hint) => hint.partition?.partitionId)).toEqual([1, 2]);
    expect(described.partitions[1]?.leaderNodeId).toBe(described.nodeId);
    expect(described.partitions[1]?.nodes.length).toBe(count);
    expect(described.limits).toMatchObject({ keyBytes: 8192, valueBytes: 1 << 20 });
    const state = await status(leader);
    expect(state.node?.address).toBe(leader.address);
    expect(state.replicas.map((r) => [r.partitionId, r.state])).toEqual([
      [1, 'serving'],
      [2, 'serving'],
    ]);
    expect(state.replicas[1]?.role).toBe('leader');
  });
});

describe('a follower', () => {
  it('refuses writes with a hint that names the leader and all addresses, and serves reads', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    const [follower] = (await followersOf(cluster)) as [TestNode];
    await put(leader, 'a', '1');
    const error = await errorOf(put(follower, 'a', '2'));
    expect([error.reason, error.outcome]).toEqual(['NOT_LEADER', 'NOT_APPLIED']);
    const named = error.route?.nodes.find((node) => node.nodeId === error.route?.leaderNodeId);
    expect(named?.address).toBe(leader.address);
    expect(error.route?.nodes.length).toBe(3);
    expect(await value(follower, 'a')).toBe('1');
    const eventual = await get(follower, 'a', { consistency: Consistency.CONSISTENCY_EVENTUAL });
    expect(eventual.header?.served).toBe(Consistency.CONSISTENCY_EVENTUAL);

    const pipe = openPipe(follower);
    const writer = new PipeRequestWriter();
    writer.begin(1, new Uint8Array(0));
    writer.addCommand(0, 0, 0, false, encodePut(null, bytes('a'), bytes('3')));
    pipe.session.received(writer.finish());
    await cluster.until('an answer', () => rows(pipe).length === 1);
    const row = rows(pipe)[0]?.result;
    expect(row?.$case === 'error' && row.value.route?.nodes.length).toBe(3);
    pipe.session.closed();
  });
});

describe('a member without a cluster', () => {
  it('answers clients with STARTING, and still says what it is', async () => {
    const cluster = new TestCluster(3);
    const node = cluster.node(0);
    node.start();
    await cluster.advance(50);
    for (const call of [put(node, 'a', '1'), get(node, 'a'), scan(cluster, node)]) {
      expect(await errorOf(call)).toMatchObject({ reason: 'STARTING', outcome: 'NOT_APPLIED' });
    }
    const describe = node.unary('/dougdb.v1.Routes/Describe', new Uint8Array(0));
    expect((await errorOf(describe)).reason).toBe('STARTING');
    const pipe = openPipe(node);
    const writer = new PipeRequestWriter();
    writer.begin(1, new Uint8Array(0));
    writer.addCommand(0, 0, 0, false, encodePut(null, bytes('a'), bytes('3')));
    pipe.session.received(writer.finish());
    await cluster.advance(1);
    expect(codes(pipe)).toEqual(['7']);
    expect((await status(node)).clusterId.length).toBe(0);
    expect((await errorOf(node.unary('/no.such/Method' as never, new Uint8Array(0)))).reason).toBe(
      'UNIMPLEMENTED',
    );
  });
});

function putOf(key: Uint8Array, valueBytes: number): PutRequest {
  return PutRequest.fromPartial({ key, value: new Uint8Array(valueBytes) });
}

async function revisionOf(node: TestNode): Promise<number> {
  return (await get(node, 'revision of what is not there')).header?.revision ?? -1;
}
