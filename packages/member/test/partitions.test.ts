import { SimFs } from '@dougdb/ports/sim';
import {
  Consistency,
  encodePut,
  GenesisRecord,
  PipeRequestWriter,
  PipeResponse,
  PutRequest,
  ReplicaRole,
} from '@dougdb/rpc-proto';
import { layoutOf } from '../src/data-dir/layout.js';
import { decodeNodeFile, encodeNodeFile } from '../src/data-dir/node-file-format.js';
import {
  bytes,
  del,
  deleteRange,
  errorOf,
  get,
  leaderOf,
  lookup,
  multiGet,
  partitionList,
  put,
  putStep,
  scan,
  text,
  txn,
  value,
} from './requests.js';
import { DATA_DIR, TestCluster, type TestNode } from './test-cluster.js';

// Virtual minutes take real seconds on a machine that is busy.
jest.setTimeout(60_000);

/** Partition 2: below g; 3: g to below p; 4: from p on. */
const SPLIT = ['g', 'p'];
const KEYS = ['a', 'f~', 'g', 'm', 'p', 'z'];
const HOLDERS = [2, 2, 3, 3, 4, 4];

async function readyCluster(count: number, seed: number | string = 1): Promise<TestCluster> {
  const cluster = new TestCluster(count, seed, SPLIT);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

const leaderFor = (cluster: TestCluster, key: string): Promise<TestNode> =>
  leaderOf(cluster, HOLDERS[KEYS.indexOf(key)]);

/** What each replica has applied, as 'partition: index revision hash'. */
function states(cluster: TestCluster): string[][] {
  return cluster.nodes.map((node) =>
    node.member
      .replicaStatuses()
      .map((s) => `${s.partitionId}: ${s.appliedIndex} ${s.revision} ${s.hash}`),
  );
}

describe('a cluster that was split at genesis', () => {
  it.each([1, 3, 5])('of %i members serves each key from its own partition', async (count) => {
    const cluster = await readyCluster(count);
    for (const [at, key] of KEYS.entries()) {
      const leader = await leaderFor(cluster, key);
      const { header } = await put(leader, key, `v-${key}`);
      expect(header?.partitionId).toBe(HOLDERS[at]);
      expect((await lookup(cluster.node(0), key))[0]).toBe(HOLDERS[at]);
    }
    for (const node of cluster.nodes) {
      for (const key of KEYS) expect(await value(node, key)).toBe(`v-${key}`);
    }
    // Each partition counts its own revisions.
    const revisions = [];
    for (const key of KEYS) revisions.push((await get(cluster.node(0), key)).kv?.revision);
    expect(revisions).toEqual([1, 2, 1, 2, 1, 2]);
  });

  it('carries out transactions and deletes of ranges of one partition, and refuses those of two', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderFor(cluster, 'g');
    const inside = await txn(leader, { txn: { success: [putStep('g', '1'), putStep('m', '2')] } });
    expect([inside.header?.partitionId, inside.revision]).toEqual([3, 1]);
    const outcome = async (call: Promise<unknown>): Promise<unknown> => {
      const { reason, outcome: known } = await errorOf(call);
      return `${reason} ${known}`;
    };
    const both = { txn: { success: [putStep('g', 'x')], failure: [putStep('p', 'x')] } };
    expect(await outcome(txn(leader, both))).toBe('CROSS_PARTITION NOT_APPLIED');
    const named = { ...both, context: { partitionId: 3, epochVersion: 9 } };
    expect(await outcome(txn(leader, named))).toBe('EPOCH_MISMATCH NOT_APPLIED');
    expect(await outcome(deleteRange(leader, 'h', 'q'))).toBe('CROSS_PARTITION NOT_APPLIED');
    expect(await outcome(deleteRange(leader, 'h', ''))).toBe('CROSS_PARTITION NOT_APPLIED');
    expect([await value(leader, 'g'), await value(leader, 'm')]).toEqual(['1', '2']);
    const last = await leaderFor(cluster, 'p');
    await put(last, 'q', '3');
    expect((await deleteRange(last, 'p', '')).result?.deleted).toBe(1);
    const first = await leaderFor(cluster, 'a');
    await put(first, 'a', '4');
    expect((await deleteRange(first, '', 'g')).result?.deleted).toBe(1);
  });

  it('keeps everything over restarts of all members, replicas equal to the last bit', async () => {
    const cluster = await readyCluster(3);
    for (let round = 0; round < 3; round++) {
      for (const key of KEYS) await put(await leaderFor(cluster, key), key, `${key}-${round}`);
      await cluster.until('equal states', () => {
        const [first, ...others] = states(cluster).map((s) => s.join());
        return others.every((other) => other === first);
      });
      for (const node of cluster.nodes) node.crash(round * 50);
      cluster.startAll();
      await cluster.ready();
      for (const key of KEYS) expect(await value(cluster.node(2), key)).toBe(`${key}-${round}`);
    }
    for (const node of cluster.nodes) expect(node.deaths).toEqual([]);
  });

  it('is not made while members want other keys to split at, and each says why', async () => {
    const cluster = new TestCluster(3, 1, SPLIT);
    cluster.node(2).options = { settings: { ...cluster.settings, splitAt: [bytes('x')] } };
    cluster.startAll();
    await cluster.advance(6_000);
    for (const node of cluster.nodes) {
      expect(node.notReadyReason).toContain('waiting for genesis');
      const said = node.logger.of('genesis.waiting').map((line) => String(line.fields.differs));
      expect(said.join()).toContain('another --split-at');
    }
  });

  it('has its voters on all members where there are more members than voters', async () => {
    const cluster = new TestCluster(5, 1, SPLIT, { replicationFactor: 3 });
    cluster.startAll();
    await cluster.ready();
    const voters = (await partitionList(cluster.node(0))).map(({ partition }) =>
      partition?.replicas
        .filter(({ role }) => role === ReplicaRole.REPLICA_ROLE_VOTER)
        .map(({ nodeId }) => nodeId),
    );
    expect(voters).toEqual([
      [1, 2, 3],
      [2, 3, 4],
      [3, 4, 5],
      [1, 4, 5],
    ]);
    for (const key of KEYS) await put(await leaderFor(cluster, key), key, key);
    // Learners hold everything as well, and serve it.
    for (const node of cluster.nodes) {
      for (const key of KEYS) expect(await value(node, key)).toBe(key);
    }
  });

  it('scans a partition at a time, and says where the rest begins', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    for (const key of KEYS) await put(node, key, key);
    const read = async (more: object): Promise<[string, string | undefined]> => {
      const chunks = await scan(cluster, node, more);
      const keys = chunks.flatMap((chunk) => chunk.kvs.map((kv) => text(kv.key)));
      return [keys.join(), text(chunks.at(-1)?.resumeKey)];
    };
    expect(await read({})).toEqual(['a,f~', 'g']);
    expect(await read({ start: bytes('g') })).toEqual(['g,m', 'p']);
    expect(await read({ start: bytes('p') })).toEqual(['p,z', undefined]);
    expect(await read({ start: bytes('h'), end: bytes('p') })).toEqual(['m', undefined]);
    expect(await read({ start: bytes('h'), end: bytes('q') })).toEqual(['m', 'p']);
    expect(await read({ start: bytes('h'), limit: 1 })).toEqual(['m', undefined]);
    const reverse = { reverse: true };
    expect(await read(reverse)).toEqual(['z,p', 'p']);
    expect(await read({ ...reverse, end: bytes('p') })).toEqual(['m,g', 'g']);
    expect(await read({ ...reverse, end: bytes('g') })).toEqual(['f~,a', undefined]);
    expect(await read({ ...reverse, start: bytes('b'), end: bytes('g') })).toEqual([
      'f~',
      undefined,
    ]);
    const second = { clusterId: new Uint8Array(0), partitionId: 3, epochVersion: 1 };
    expect(await read({ context: second, start: bytes('a') })).toEqual(['g,m', 'p']);
  });
});

describe('a request that is meant for another partition', () => {
  const context = (partitionId: number, epochVersion: number) => ({
    clusterId: new Uint8Array(0),
    partitionId,
    epochVersion,
  });
  const wrong: [string, number, number, string][] = [
    ['a partition that does not exist', 9, 0, 'm'],
    ['the partition beside its key', 2, 1, 'm'],
    ['the partition beside its key, at the boundary', 3, 1, 'p'],
    ['an epoch that is over', 3, 7, 'm'],
  ];
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await readyCluster(3);
  });

  it.each(wrong)(
    'is refused with %s: the right route is told, nothing is written',
    async (_what, partitionId, epoch, key) => {
      const holder = HOLDERS[KEYS.indexOf(key)];
      // Whoever leads the named partition, so that this is not what is wrong.
      const named = partitionId === 9 ? 3 : partitionId;
      const node = await leaderOf(cluster, named);
      // Whoever is asked for a partition that it does not know tells which one holds the key.
      const told = partitionId === 9 ? holder : named;
      const more = { context: context(partitionId, epoch) };
      const range = { start: bytes(key), end: bytes(`${key}!`) };
      for (const call of [
        put(node, key, 'x', more),
        del(node, key, more),
        get(node, key, more),
        get(node, key, { ...more, consistency: Consistency.CONSISTENCY_EVENTUAL }),
        scan(cluster, node, { ...more, ...range }),
        multiGet(node, [key], more),
      ]) {
        const error = await errorOf(call);
        expect([error.reason, error.outcome]).toEqual(['EPOCH_MISMATCH', 'NOT_APPLIED']);
        expect(error.route?.nodes.length).toBe(3);
        expect(error.route?.partition?.partitionId).toBe(told);
      }
      const pipe = await piped(node, (writer) => {
        writer.addCommand(0, partitionId, epoch, false, encodePut(null, bytes(key), bytes('x')));
        writer.addGet(
          0,
          partitionId,
          epoch,
          false,
          Consistency.CONSISTENCY_LINEARIZABLE,
          bytes(key),
        );
      });
      expect(pipe).toEqual([`EPOCH_MISMATCH ${told}`, `EPOCH_MISMATCH ${told}`]);
      expect((await get(node, key)).kv).toBeUndefined();
    },
  );

  it('is refused INVALID_ARGUMENT where it names the meta group, which is the cluster’s own', async () => {
    for (const node of cluster.nodes) {
      const more = { context: context(1, 0) };
      for (const call of [
        put(node, 'k', 'x', more),
        del(node, 'k', more),
        get(node, 'k', more),
        scan(cluster, node, more),
        multiGet(node, ['k'], more),
      ]) {
        const error = await errorOf(call);
        expect([error.reason, error.outcome]).toEqual(['INVALID_ARGUMENT', 'NOT_APPLIED']);
      }
      const pipe = await piped(node, (writer) => {
        writer.addCommand(0, 1, 1, false, encodePut(null, bytes('k'), bytes('x')));
        writer.addGet(0, 1, 1, false, Consistency.CONSISTENCY_EVENTUAL, bytes('k'));
      });
      expect(pipe).toEqual(['INVALID_ARGUMENT 0', 'INVALID_ARGUMENT 0']);
      expect(node.member.replicaStatuses()[0]?.revision).toBe(10);
    }
  });

  /** Codes of the answers to one message and the partitions that they name, in the order of the ids. */
  async function piped(
    node: TestNode,
    fill: (writer: PipeRequestWriter) => void,
  ): Promise<string[]> {
    const rows: PipeResponse['results'] = [];
    const pipe = node.member.openPipe({
      send: (response) => rows.push(...PipeResponse.decode(response).results),
      drained: () => undefined,
      fail: () => undefined,
    });
    const writer = new PipeRequestWriter();
    writer.begin(1, new Uint8Array(0));
    fill(writer);
    pipe.received(writer.finish());
    await cluster.until('answers', () => rows.length === 2);
    pipe.closed();
    const codes = ['', 'INVALID_ARGUMENT', 'TOO_LARGE', 'NOT_LEADER', 'EPOCH_MISMATCH'];
    return rows
      .sort((a, b) => a.id - b.id)
      .map(({ result }) => {
        if (result?.$case !== 'error') return '-';
        const { code, route } = result.value;
        return `${codes[code]} ${route?.partition?.partitionId ?? 0}`;
      });
  }
});

describe('many logs in one WAL', () => {
  const small = { walSegmentBytes: 1 << 16 };
  const replica = { retainLogBytes: 1 << 18, freezeLogBytes: 1 << 17 };

  it('INVARIANT(segments-die-in-order): do not grow for ever while all partitions but one are idle', async () => {
    const base = new TestCluster(1).settings.replica;
    const cluster = new TestCluster(3, 'idle', SPLIT, {
      ...small,
      replica: { ...base, ...replica },
    });
    cluster.startAll();
    await cluster.ready();
    // More than is written again without a question: only a freeze of the idle ones sets the segment free.
    for (const key of KEYS) await put(await leaderFor(cluster, key), key, key.padEnd(6_000, '.'));
    const segments = (): number[] =>
      cluster.nodes.map((node) => node.fs.list(layoutOf(DATA_DIR).wal).length);
    let busy = await leaderFor(cluster, 'm');
    let most = 0;
    // Collect, lose power, collect, lose power: what was written again must be as good as the first time.
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 100; at++) {
        await put(busy, 'm', `${round}-${at}`.padEnd(10_000, 'x'));
        if (at % 5 === 0) await cluster.advance(300);
        most = Math.max(most, ...segments());
      }
      for (const node of cluster.nodes) node.crash(round * 50);
      cluster.startAll();
      await cluster.ready();
      busy = await leaderFor(cluster, 'm');
      for (const key of KEYS) {
        const found = await value(cluster.node(round), key);
        if (key === 'm') expect(found?.slice(0, 5)).toBe(`${round}-99x`);
        else expect(found).toBe(key.padEnd(6_000, '.'));
      }
    }
    // 1 MiB went through in each life: what is retained twice, the active segment, the spare and what an
    // earlier life left may be there.
    expect(most).toBeLessThanOrEqual(16);
    for (const node of cluster.nodes) expect(node.deaths).toEqual([]);
  });
});

describe('many replicas', () => {
  it('are opened at the same time, and share the syncs of log and votes', async () => {
    const opening = async (splitAt: string[]): Promise<number[]> => {
      const cluster = new TestCluster(1, 'open', splitAt);
      const node = cluster.node(0);
      const clock = cluster.scheduler.clock();
      node.fs = new SimFs({ random: cluster.random.fork('slow'), clock, syncDelayMs: 10 });
      const times: number[] = [];
      for (let start = 0; start < 2; start++) {
        const beganMs = cluster.scheduler.nowMs;
        node.start();
        await cluster.ready();
        times.push(cluster.scheduler.nowMs - beganMs);
        if (start === 0) await node.close();
      }
      return times;
    };
    const few = await opening([]);
    const many = await opening([...'bcdefghijklmno']);
    // Eight times as many replicas, in less than four times the time: at genesis, and when logs are replayed.
    for (const at of [0, 1]) expect(many[at]).toBeLessThan(4 * (few[at] ?? 0));
  });
});

describe('memory for memtables', () => {
  it('is bounded over all partitions: the largest is flushed, idle or not, and nothing is lost', async () => {
    const budget = 384 << 10;
    const cluster = new TestCluster(1, 'memory', SPLIT, { memtableBudgetBytes: budget });
    cluster.startAll();
    await cluster.ready();
    const node = cluster.node(0);
    const flushed = (): number =>
      node.fs.list(`${layoutOf(DATA_DIR).partitions}/2-102`).filter((n) => n.endsWith('.sst'))
        .length;
    for (let at = 0; at < 12; at++) await put(node, `a${at}`, 'x'.repeat(5_000));
    expect(flushed()).toBe(0);
    // Now another partition needs the room.
    for (let at = 0; at < 20; at++) await put(node, `m${at}`, 'x'.repeat(5_000));
    await cluster.advance(100);
    expect(flushed()).toBe(1);
    node.crash();
    node.start();
    await cluster.ready();
    for (let at = 0; at < 12; at++) expect((await value(node, `a${at}`))?.length).toBe(5_000);
    for (let at = 0; at < 20; at++) expect((await value(node, `m${at}`))?.length).toBe(5_000);
  });
});

describe('a replica that is out of service', () => {
  it('harms no other partition of its node', async () => {
    const cluster = new TestCluster(1, 'damage', SPLIT, { memtableBudgetBytes: 128 << 10 });
    cluster.startAll();
    await cluster.ready();
    const node = cluster.node(0);
    const patiently = async (key: string, filled: string): Promise<void> => {
      for (let tries = 0; tries < 50; tries++) {
        const done = await put(node, key, filled).catch((error: { reason: string }) => {
          if (error.reason !== 'BUSY') throw error;
        });
        if (done) return;
        await cluster.advance(20);
      }
      throw new Error(`busy for ever: ${key}`);
    };
    for (let at = 0; at < 20; at++) await patiently(`a${at}`, 'x'.repeat(4_000));
    await cluster.advance(200);
    const dir = `${layoutOf(DATA_DIR).partitions}/2-102`;
    const table = node.fs.list(dir).find((name) => name.endsWith('.sst'));
    node.fs.corrupt(`${dir}/${table}`, 500, 0x40);
    let reason = '';
    for (let at = 0; at < 20 && reason === ''; at++) {
      await get(node, `a${at}`).catch((error: { reason: string }) => {
        reason = error.reason;
      });
    }
    expect(reason).toBe('CORRUPT');
    expect((await errorOf(put(node, 'a', '1'))).reason).toBe('NO_LEADER');
    // Far more than the budget goes through the others.
    for (let at = 0; at < 60; at++) await patiently(`m${at % 7}`, `${at}`.padEnd(5_000, 'x'));
    for (let at = 0; at < 60; at++) await patiently(`z${at % 7}`, `${at}`.padEnd(5_000, 'x'));
    expect(await value(node, 'm3')).toMatch(/^59x/);
    expect(node.notReadyReason).toContain('partition 2 is corrupt');
    expect(node.deaths).toEqual([]);
    await node.close();
    expect(node.fs.openPaths).toEqual([]);
  });
});

describe('rot that nobody reads', () => {
  it('is found by reading over the tables, and takes that replica out of service alone', async () => {
    const settings = { memtableBudgetBytes: 128 << 10, scrubBytesPerSecond: 1 << 20 };
    const cluster = new TestCluster(1, 'scrub', SPLIT, settings);
    cluster.startAll();
    await cluster.ready();
    const node = cluster.node(0);
    for (let at = 0; at < 20; at++) await put(node, `a${at}`, 'x'.repeat(4_000));
    await cluster.until('a table', () => tableOf(node) !== undefined);
    node.fs.corrupt(tableOf(node) ?? '', 500, 0x40);
    // A round began with the start; the next one is a day later.
    node.crash();
    node.start();
    await cluster.until('its end', () => node.notReadyReason?.includes('partition 2') === true);
    expect(node.notReadyReason).toContain('partition 2 is corrupt');
    await put(node, 'm', 'served');
    expect(await value(node, 'm')).toBe('served');
    await node.close();
    expect(node.fs.openPaths).toEqual([]);
  });

  const tableOf = (node: TestNode): string | undefined => {
    const dir = `${layoutOf(DATA_DIR).partitions}/2-102`;
    const name = node.fs.list(dir).find((file) => file.endsWith('.sst'));
    return name === undefined ? undefined : `${dir}/${name}`;
  };
});

describe('a data directory of an older version', () => {
  it('is refused with exit code 3 and says what to do, and is not touched', async () => {
    const cluster = new TestCluster(1);
    cluster.startAll();
    await cluster.ready();
    const node = cluster.node(0);
    await node.close();
    const { nodeFile } = layoutOf(DATA_DIR);
    const file = node.fs.open(nodeFile, 'read');
    const before = new Uint8Array(file.sizeSync());
    file.readSync(before, 0, before.length, 0);
    file.close();
    const identity = decodeNodeFile(before, nodeFile);
    for (const [clusterVersion, why] of [
      [2, 'cluster of version 2, this program knows version 3 only: use the program that made it'],
      [9, 'use the newer program'],
    ] as const) {
      const membership = identity.membership;
      if (membership === null) throw new Error('a member');
      const record = { ...GenesisRecord.decode(membership.genesis), clusterVersion };
      const genesis = GenesisRecord.encode(record).finish();
      node.fs.plant(
        nodeFile,
        encodeNodeFile({ ...identity, membership: { ...membership, genesis } }),
      );
      node.start();
      await cluster.until('its end', () => node.deaths.length > 0);
      const death = node.deaths.pop();
      expect([death?.exitCode, death?.error.message]).toEqual([3, expect.stringContaining(why)]);
    }
    node.fs.plant(nodeFile, before);
    node.start();
    await cluster.ready();
  });
});

describe('a put of a key that no partition may hold', () => {
  it('is refused for what is wrong with it, wherever it is sent', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const request = PutRequest.encode(
      PutRequest.fromPartial({ key: new Uint8Array(0), value: bytes('x') }),
    ).finish();
    const error = await errorOf(node.unary('/dougdb.v1.Doug/Put', request));
    expect(error.reason).toBe('INVALID_ARGUMENT');
  });
});
