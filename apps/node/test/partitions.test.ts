import { join } from 'node:path';
import { errorOf, type Program, RawClient } from '@dougdb/host/testing';
import {
  Consistency,
  GetRequest,
  GetResponse,
  PartitionListResponse,
  type RouteHint,
  TransferLeaderRequest,
  TransferLeaderResponse,
  WatchMapRequest,
  WatchMapResponse,
} from '@dougdb/rpc-proto';
import { adminService, dougService, routesService } from '@dougdb/rpc-proto/node';
import {
  killLeftovers,
  memberArgs,
  removeTempDirs,
  runNode,
  tempDir,
  until,
} from './node-process.js';

interface DevMember {
  readonly address: string;
  readonly admin: string;
  readonly pid: number;
}

const spawnedPids = new Set<number>();

afterAll(async () => {
  await killLeftovers();
  for (const pid of spawnedPids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
    }
  }
  removeTempDirs();
});

describe('a cluster of three that is split at genesis', () => {
  let dev: Program;
  let members: DevMember[];
  let clients: RawClient[];

  beforeAll(async () => {
    const args = ['dev', '--nodes', '3', '--split-at', 'g,p', '--port-base', '0', '--json'];
    dev = runNode([...args, '--lease-reads', '--dir', join(tempDir(), 'dev')], {
      DOUG_LOG_LEVEL: 'warn',
      DOUG_TEST_HOOKS: '1',
    });
    const ready = JSON.parse(await dev.ready()) as { members: DevMember[]; facade: DevMember };
    ({ members } = ready);
    for (const { pid } of [ready.facade, ...members]) spawnedPids.add(pid);
    clients = members.map(({ address }) => new RawClient(address));
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.close();
    expect(await dev.stop()).toEqual({ code: 0, signal: null });
  }, 30_000);

  async function routes(at = 0): Promise<readonly RouteHint[]> {
    const answer = await clients[at]?.unary(adminService.partitionList, new Uint8Array(0));
    return PartitionListResponse.decode(answer as Uint8Array).partitions;
  }

  async function leaderOf(partitionId: number): Promise<number> {
    return until('a leader', async () => {
      for (const [at, client] of clients.entries())
        if (await client.isLeader(partitionId)) return at;
      return null;
    });
  }

  const eachKey: [string, number][] = [
    ['a', 2],
    ['g', 3],
    ['z', 4],
  ];

  async function putEverywhere(value: string): Promise<void> {
    for (const [key, partitionId] of eachKey) {
      await until(`a put of ${key}`, async () => {
        const at = await leaderOf(partitionId);
        return (await clients[at]?.put(key, value)) ?? null;
      });
    }
  }

  it('serves reads at every level, by lease from the leader alone', async () => {
    await putEverywhere('0');
    const ask = async (client: RawClient | undefined, more: Partial<GetRequest>) => {
      const request = GetRequest.encode(GetRequest.fromPartial({ key: Buffer.from('a'), ...more }));
      const answer = await client?.unary(dougService.get, request.finish());
      return GetResponse.decode(answer as Uint8Array);
    };
    const leased = { consistency: Consistency.CONSISTENCY_LEASE };
    const at = await leaderOf(2);
    const served = await until('an answer under the lease', async () => {
      const { header, kv } = await ask(clients[at], leased);
      return header?.served === Consistency.CONSISTENCY_LEASE ? kv : null;
    });
    expect(Buffer.from(served?.value ?? []).toString()).toBe('0');
    const follower = clients[(at + 1) % 3];
    expect(await errorOf(ask(follower, leased))).toMatchObject({ code: 'DOUG_NOT_LEADER' });
    const bounded = { consistency: Consistency.CONSISTENCY_BOUNDED, maxAgeMs: 2_000 };
    expect((await ask(follower, bounded)).header).toMatchObject({
      served: Consistency.CONSISTENCY_BOUNDED,
    });
    const { revision } = served as { revision: number };
    expect((await ask(follower, { revision })).header).toMatchObject({
      served: Consistency.CONSISTENCY_AT_REVISION,
    });
  });

  it('serves every key from its partition, and every node knows them all', async () => {
    await putEverywhere('1');
    for (const [at, client] of clients.entries()) {
      for (const [key] of eachKey) expect(await client.get(key)).toBe('1');
      const known = await until('all leaders', async () => {
        const all = await routes(at);
        return all.every((route) => route.leaderNodeId > 0) ? all : null;
      });
      expect(known.map((r) => r.partition?.partitionId)).toEqual([1, 2, 3, 4]);
    }
    const at = await leaderOf(2);
    const wrong = (at + 1) % 3;
    expect((await errorOf((clients[wrong] as RawClient).put('a', '2'))).reason).toBe('NOT_LEADER');
  });

  it('streams the map and hands leaderships over', async () => {
    // The facade may watch here, too.
    const watches = async (): Promise<number> => {
      const body = await (await fetch(`http://${members[0]?.admin}/metrics`)).text();
      return Number(/doug_map_watches (\d+)/.exec(body)?.[1]);
    };
    const before = await watches();
    const call = (clients[0] as RawClient).serverStream(
      routesService.watchMap,
      WatchMapRequest.encode({ clusterId: new Uint8Array(0), sinceRevision: 0 }).finish(),
    );
    const told: WatchMapResponse[] = [];
    const ended = new Promise<{ code: number }>((resolve) => call.on('error', resolve));
    call.on('data', (bytes: Uint8Array) => told.push(WatchMapResponse.decode(bytes)));
    await until('the map', async () => (told.length > 0 ? true : null));
    expect(await watches()).toBe(before + 1);
    expect(told[0]?.partitions.map((p) => p.partitionId)).toEqual([1, 2, 3, 4]);
    expect(told[0]?.revision).toBe(10);

    const from = await leaderOf(3);
    const toNodeId = ((from + 1) % 3) + 1;
    const request = { clusterId: new Uint8Array(0), partitionId: 3, toNodeId };
    const answer = await clients[from]?.unary(
      adminService.transferLeader,
      TransferLeaderRequest.encode(request).finish(),
    );
    expect(TransferLeaderResponse.decode(answer as Uint8Array).leaderNodeId).toBe(toNodeId);
    await until('the watch to tell', async () => {
      const leaders = told.flatMap((m) => m.leaders).filter((l) => l.partitionId === 3);
      return leaders.at(-1)?.leaderNodeId === toNodeId ? true : null;
    });
    call.cancel();
    expect((await ended).code).toBe(1);
    await until('the node to forget it', async () => ((await watches()) === before ? true : null));
  });

  it('reads, writes and stays ready while the meta group is stopped on two of three', async () => {
    const post = (at: number, path: string): Promise<Response> =>
      fetch(`http://${members[at]?.admin}/test/partitions/${path}`, { method: 'POST' });
    for (const at of [0, 1]) expect((await post(at, '1/stop')).status).toBe(200);
    expect((await post(0, '9/stop')).status).toBe(404);
    expect((await post(0, 'x/stop')).status).toBe(404);
    await until('no leader of the meta group', async () => {
      const body = await (await fetch(`http://${members[2]?.admin}/metrics`)).text();
      return body.includes('doug_meta_has_leader 0') ? true : null;
    });
    await putEverywhere('2');
    for (const { admin } of members) {
      expect((await fetch(`http://${admin}/readyz`)).status).toBe(200);
      const body = await (await fetch(`http://${admin}/metrics`)).text();
      expect(body).toContain('doug_server_has_leader 1');
      expect(body).toContain('doug_partition_count 4');
    }
    for (const at of [0, 1]) expect((await post(at, '1/resume')).status).toBe(200);
    await until('a leader of the meta group', async () =>
      (await routes(2))[0]?.leaderNodeId === 0 ? null : true,
    );
  });
});

describe('a member without test hooks', () => {
  it('does not have them, and says nothing of them', async () => {
    const node = runNode(memberArgs(tempDir(), '--split-at', 'm'));
    const { admin, grpc } = await node.addresses();
    const url = `http://${admin}/test/partitions/2/stop`;
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    expect((await fetch(url)).status).toBe(404);
    const client = new RawClient(grpc);
    await client.put('a', '1');
    await client.put('z', '1');
    client.close();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(node.stderr).not.toContain('test_hooks');
  }, 30_000);
});
