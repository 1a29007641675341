import { type SimClock, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  DougError,
  PartitionListResponse,
  type ReplicaRole,
  TransferLeaderRequest,
} from '@dougdb/rpc-proto';
import { type ClientTransport, createClient, type DougClient } from '../src/core.js';
import { FakeCluster } from '../src/testing/index.js';

/** A unary call as it leaves the client. */
interface Call {
  readonly address: string;
  readonly method: string;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
}
/** Answers a call instead of the cluster; undefined: the cluster answers. */
type Script = (call: Call, cluster: FakeCluster) => Promise<Uint8Array> | undefined;

interface Bench {
  readonly cluster: FakeCluster;
  readonly db: DougClient;
  readonly scheduler: SimScheduler;
  /** The client's own: what waits on it belongs to the client. */
  readonly clock: SimClock;
  /** Since the client connected. */
  readonly calls: Call[];
  run<T>(promise: Promise<T>): Promise<T>;
  fails(promise: Promise<unknown>): Promise<DougError>;
  /** `transferLeader` calls, as 'address>node'. */
  transfers(): string[];
}

async function bench(script: Script = () => undefined, facades = 0): Promise<Bench> {
  const scheduler = new SimScheduler();
  const cluster = new FakeCluster({ clock: scheduler.clock(), splitAt: ['m'], facades });
  const calls: Call[] = [];
  const transport: ClientTransport = {
    unary: (address, path, request, timeoutMs, signal) => {
      const call = { address, method: path.split('/').at(-1) ?? '', request, timeoutMs };
      calls.push(call);
      return script(call, cluster) ?? cluster.unary(address, path, request, timeoutMs, signal);
    },
    openPipe: (address, events) => cluster.openPipe(address, events),
    openStream: (address, path, events) => cluster.openStream(address, path, events),
    stream: (address, path, request, signal) => cluster.stream(address, path, request, signal),
    close: () => cluster.close(),
  };
  const clock = scheduler.clock();
  const ports = { transport, clock, random: new SimRandom(1) };
  const endpoints = facades > 0 ? cluster.facades : cluster.endpoints;
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  const db = await run(createClient(ports, { endpoints }));
  calls.length = 0;
  return {
    ...{ cluster, db, scheduler, clock, calls, run },
    fails: (promise) =>
      run(
        promise.then(
          () => Promise.reject(new Error('it did not fail')),
          (error: DougError) => error,
        ),
      ),
    transfers: () =>
      calls
        .filter(({ method }) => method === 'TransferLeader')
        .map(
          ({ address, request }) => `${address}>${TransferLeaderRequest.decode(request).toNodeId}`,
        ),
  };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('admin.partitions', () => {
  it('lists all partitions with range, epoch, leader and replicas, the own one of the cluster first', async () => {
    const { cluster, db, run } = await bench();
    cluster.lead(2, 'z');
    const partitions = await run(db.admin.partitions());
    expect(
      partitions.map(({ partitionId, keyspace, start, end, leaderNodeId }) => {
        return [partitionId, keyspace, text(start), text(end), leaderNodeId];
      }),
    ).toEqual([
      [1, 0, '', '', 1],
      [2, 1, '', 'm', 1],
      [3, 1, 'm', '', 2],
    ]);
    expect(partitions[1]?.epoch).toEqual({ version: 2, conf: 1 });
    expect(partitions[1]?.replicas).toEqual([
      { replicaId: 201, nodeId: 1, role: 'voter' },
      { replicaId: 202, nodeId: 2, role: 'voter' },
      { replicaId: 203, nodeId: 3, role: 'voter' },
    ]);
  });

  it('asks the next node when one is down, and none for long', async () => {
    const { cluster, db, run, calls } = await bench();
    cluster.kill(1);
    cluster.freeze(2);
    expect(await run(db.admin.partitions({ timeoutMs: 900 }))).toHaveLength(3);
    expect(calls.map(({ address }) => address)).toEqual(['n1:4400', 'n2:4400', 'n3:4400']);
    expect(calls[1]?.timeoutMs).toBeLessThan(460);
  });

  it('leaves out what describes no partition, and survives garbage', async () => {
    const odd = PartitionListResponse.encode(
      PartitionListResponse.fromPartial({
        partitions: [
          { leaderNodeId: 1 },
          {
            partition: {
              partitionId: 7,
              replicas: [{ replicaId: 1, nodeId: 9, role: 99 as ReplicaRole }],
            },
          },
        ],
      }),
    ).finish();
    const strange = await bench(({ method }) =>
      method === 'PartitionList' ? Promise.resolve(odd) : undefined,
    );
    expect(await strange.run(strange.db.admin.partitions())).toEqual([
      {
        ...{ partitionId: 7, keyspace: 0, leaderNodeId: 0, epoch: { version: 0, conf: 0 } },
        ...{ start: new Uint8Array(0), end: new Uint8Array(0) },
        replicas: [{ replicaId: 1, nodeId: 9, role: 'unknown' }],
      },
    ]);
    const garbled = await bench(({ method }) =>
      method === 'PartitionList' ? Promise.resolve(Uint8Array.of(0xff)) : undefined,
    );
    expect(await garbled.fails(garbled.db.admin.partitions())).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'NOT_APPLIED',
    });
  });
});

describe('admin.status', () => {
  it('asks a node by its id', async () => {
    const { db, run, calls } = await bench();
    expect((await run(db.admin.status({ nodeId: 3 }))).node.address).toBe('n3:4400');
    expect(calls.map(({ address }) => address)).toEqual(['n3:4400']);
  });

  it('knows no node that nobody has heard of', async () => {
    const { db, fails } = await bench();
    expect(await fails(db.admin.status({ nodeId: 9 }))).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
      message: 'the cluster has no node 9',
    });
    for (const nodeId of [0, -1, 1.5, Number.NaN]) {
      expect(await fails(db.admin.status({ nodeId }))).toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
    }
  });

  it('does not take the answer of one node for that of another', async () => {
    const { db, fails } = await bench(({ method, address, request, timeoutMs }, cluster) =>
      method === 'Status' && address === 'n3:4400'
        ? cluster.unary('n1:4400', '/dougdb.admin.v1.Admin/Status', request, timeoutMs)
        : undefined,
    );
    expect(await fails(db.admin.status({ nodeId: 3 }))).toMatchObject({
      code: 'DOUG_INTERNAL',
      message: 'node 3 was asked, and node 1 answered',
    });
  });
});

describe('admin.transferLeader', () => {
  it('asks the leader, and answers who leads then', async () => {
    const { cluster, db, run, transfers } = await bench();
    cluster.lead(2, 'z');
    expect(await run(db.admin.transferLeader(3, { toNodeId: 1 }))).toEqual({
      leaderNodeId: 1,
      term: 2,
    });
    expect(cluster.partitionOf('z').leaderNodeId).toBe(1);
    expect(cluster.partitionOf('a').leaderNodeId).toBe(1);
    // The map still had node 1; the refusal named node 2.
    expect(transfers()).toEqual(['n1:4400>1', 'n2:4400>1']);
  });

  it('leaves the choice to the leader', async () => {
    const { cluster, db, run } = await bench();
    expect((await run(db.admin.transferLeader(2))).leaderNodeId).toBe(2);
    expect(cluster.partitionOf('a').leaderNodeId).toBe(2);
  });

  it('waits until there is a leader', async () => {
    const { cluster, db, run, scheduler, transfers } = await bench();
    cluster.lead(0, 'a');
    scheduler.clock().setTimer(700, () => cluster.lead(3, 'a'));
    expect((await run(db.admin.transferLeader(2, { toNodeId: 2 }))).leaderNodeId).toBe(2);
    expect(scheduler.nowMs).toBeGreaterThan(700);
    expect(transfers().length).toBeLessThan(40);
    expect(transfers().at(-1)).toBe('n3:4400>2');
  });

  it('gives up when the time is up, and says what is certain', async () => {
    const { cluster, db, fails } = await bench();
    cluster.lead(0, 'a');
    const error = await fails(db.admin.transferLeader(2, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    expect(error.message).toContain('partition 2 was not seen to move within 300 ms');
    expect(error.message).toContain('DOUG_NO_LEADER');
  });

  it('does not ask a second time for whoever is furthest once an answer was lost', async () => {
    const lose: Script = ({ method }) =>
      method === 'TransferLeader'
        ? Promise.reject(new DougError('IN_DOUBT', 'no answer', { outcome: 'NOT_APPLIED' }))
        : undefined;
    const { db, fails, transfers } = await bench(lose);
    expect(await fails(db.admin.transferLeader(2))).toMatchObject({
      code: 'DOUG_IN_DOUBT',
      outcome: 'UNKNOWN',
    });
    expect(transfers()).toHaveLength(1);
  });

  it('believes a leader that nobody took over, and does not press it', async () => {
    const { db, fails, transfers } = await bench(({ method }) =>
      method === 'TransferLeader'
        ? Promise.reject(new DougError('DEADLINE', 'node 3 did not take over'))
        : undefined,
    );
    expect(await fails(db.admin.transferLeader(2, { toNodeId: 3 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
      message: 'node 3 did not take over',
    });
    expect(transfers()).toHaveLength(1);
  });

  it('may have moved leadership when nobody answers at all', async () => {
    const { cluster, db, fails, transfers } = await bench();
    cluster.freeze(1);
    for (const toNodeId of [undefined, 3]) {
      const error = await fails(db.admin.transferLeader(2, { toNodeId, timeoutMs: 500 }));
      expect(error).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
    }
    expect(transfers()).toHaveLength(2);
  });

  it('asks again for a named node when an answer was lost', async () => {
    let lost = 0;
    const { db, run, transfers } = await bench(
      ({ method, address, request, timeoutMs }, cluster) => {
        if (method !== 'TransferLeader' || lost++ > 0) return undefined;
        return cluster
          .unary(address, '/dougdb.admin.v1.Admin/TransferLeader', request, timeoutMs)
          .then(() => Promise.reject(new DougError('IN_DOUBT', 'the connection broke')));
      },
    );
    expect(await run(db.admin.transferLeader(2, { toNodeId: 2 }))).toMatchObject({
      leaderNodeId: 2,
    });
    expect(transfers().length).toBeGreaterThan(1);
  });

  it('never says NOT_APPLIED after an attempt that may have worked: INVARIANT(outcome-of-all-attempts)', async () => {
    let n = 0;
    const refuseLater: Script = ({ method }) => {
      if (method !== 'TransferLeader') return undefined;
      const error =
        n++ === 0
          ? new DougError('IN_DOUBT', 'the connection broke', { outcome: 'NOT_APPLIED' })
          : new DougError('PERMISSION_DENIED', 'not you');
      return Promise.reject(error);
    };
    const { db, fails } = await bench(refuseLater);
    const error = await fails(db.admin.transferLeader(2, { toNodeId: 3 }));
    expect(error).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
    expect(error.message).toContain('DOUG_PERMISSION_DENIED: not you');
  });

  it('asks for no more time than is left', async () => {
    const { db, run, calls } = await bench();
    await run(db.admin.transferLeader(2, { timeoutMs: 500 }));
    expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([500]);
  });

  it('refuses what makes no sense, at once', async () => {
    const { db, fails, calls } = await bench();
    for (const id of [0, -1, 1.5, Number.NaN]) {
      expect(await fails(db.admin.transferLeader(id))).toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
      expect(await fails(db.admin.transferLeader(2, { toNodeId: id }))).toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
    }
    for (const options of [null, 7, { signal: 'stop' }, { timeoutMs: 0 }]) {
      expect(await fails(db.admin.transferLeader(2, options as never))).toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
    }
    expect(calls).toEqual([]);
    expect(await fails(db.admin.transferLeader(2, { toNodeId: 9 }))).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
      message: 'node 9 has no vote in this partition',
    });
  });

  it('does not follow hints in circles without a pause', async () => {
    const circle: Script = ({ method, address }, cluster) => {
      if (method !== 'TransferLeader') return undefined;
      const next = (Number(address.slice(1, 2)) % 3) + 1;
      const nodes = [...cluster.nodes];
      const route = { partition: undefined, leaderNodeId: next, nodes, logTime: 0 };
      return Promise.reject(new DougError('NOT_LEADER', `node ${next} leads`, { route }));
    };
    const { db, fails, transfers } = await bench(circle);
    expect(await fails(db.admin.transferLeader(2, { timeoutMs: 2_000 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
    });
    expect(transfers().length).toBeLessThan(80);
  });

  it('ends with its signal and with the client, and leaves nothing behind', async () => {
    const { cluster, db, fails, scheduler, clock } = await bench();
    cluster.lead(0, 'a');
    const stop = new AbortController();
    scheduler.clock().setTimer(100, () => stop.abort());
    expect(await fails(db.admin.transferLeader(2, { signal: stop.signal }))).toMatchObject({
      code: 'DOUG_ABORTED',
      outcome: 'NOT_APPLIED',
    });
    expect(await fails(db.admin.transferLeader(2, { signal: stop.signal }))).toMatchObject({
      code: 'DOUG_ABORTED',
    });
    scheduler.clock().setTimer(100, () => void db.close());
    expect(await fails(db.admin.transferLeader(2))).toMatchObject({ code: 'DOUG_CLOSED' });
    expect(await fails(db.admin.transferLeader(2))).toMatchObject({ code: 'DOUG_CLOSED' });
    expect(clock.pendingCount).toBe(0);
  });

  it('may have moved leadership when it is aborted on its way', async () => {
    const { cluster, db, fails, scheduler } = await bench();
    cluster.freeze(1);
    const stop = new AbortController();
    scheduler.clock().setTimer(100, () => stop.abort());
    expect(await fails(db.admin.transferLeader(2, { signal: stop.signal }))).toMatchObject({
      code: 'DOUG_ABORTED',
      outcome: 'UNKNOWN',
    });
  });
});

describe('admin behind a facade', () => {
  it('goes through it, and to no node', async () => {
    const { cluster, db, run, calls } = await bench(() => undefined, 1);
    cluster.lead(2, 'z');
    expect(await run(db.admin.partitions())).toHaveLength(3);
    expect(await run(db.admin.members())).toHaveLength(3);
    expect((await run(db.admin.status({ nodeId: 3 }))).node.nodeId).toBe(3);
    expect((await run(db.admin.transferLeader(3, { toNodeId: 3 }))).leaderNodeId).toBe(3);
    expect(calls.filter(({ address }) => address.startsWith('n'))).toEqual([]);
  });

  it('asks another facade when one fails', async () => {
    const { cluster, db, run, calls } = await bench(() => undefined, 2);
    cluster.kill('f1:4300');
    expect(await run(db.admin.partitions())).toHaveLength(3);
    expect((await run(db.admin.transferLeader(2, { toNodeId: 3 }))).leaderNodeId).toBe(3);
    expect(calls.some(({ address }) => address === 'f2:4300')).toBe(true);
    expect(calls.filter(({ address }) => address.startsWith('n'))).toEqual([]);
  });
});
