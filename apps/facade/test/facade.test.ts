import {
  errorOf,
  killLeftovers,
  type Program,
  RawClient,
  removeTempDirs,
  until,
} from '@dougdb/host/testing';
import {
  Consistency,
  DescribeResponse,
  EndpointKind,
  encodePut,
  limits,
  MemberListResponse,
  MultiGetRequest,
  MultiGetResponse,
  PartitionListResponse,
  PipeRequestWriter,
  PipeResponse,
  PutRequest,
  type PutResponse,
  StatusRequest,
  StatusResponse,
  TransferLeaderRequest,
  TransferLeaderResponse,
  WatchMapRequest,
  WatchMapResponse,
} from '@dougdb/rpc-proto';
import { adminService, dougService, type RawMethod, routesService } from '@dougdb/rpc-proto/node';
import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { Cluster, facadeArgs, startFacade } from './support/cluster.js';

// Starting processes takes seconds on a busy machine.
jest.setTimeout(60_000);

const key = (text: string): Uint8Array => Buffer.from(text);
const keysOf = (chunks: readonly { kvs: readonly { key: Uint8Array }[] }[]): string[] =>
  chunks.flatMap(({ kvs }) => kvs.map((kv) => Buffer.from(kv.key).toString()));

/** On a starved machine leaders change and calls run out of time: what certainly or maybe failed is put again. */
const putAgain = (client: RawClient, name: string, value: string): Promise<PutResponse> =>
  until(`a put of ${name}`, () => client.put(name, value));
/** Null where there is no such key. */
const getAgain = (client: RawClient, name: string): Promise<string | null> =>
  until(`a get of ${name}`, async () => ({ value: (await client.get(name)) ?? null })).then(
    ({ value }) => value,
  );

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(3, ['h', 'p']);
});
afterAll(async () => {
  await killLeftovers();
  removeTempDirs();
});

describe('a facade in front of three members and three partitions', () => {
  let facade: Program;
  let grpc: string;
  let admin: string;
  let client: RawClient;

  beforeAll(async () => {
    facade = startFacade(facadeArgs(cluster.addresses));
    ({ grpc, admin } = await facade.addresses());
    client = new RawClient(grpc);
  });
  afterAll(() => client.close());

  it('keeps what is put, wherever it belongs, and finds it', async () => {
    const names = ['a', 'c', 'h', 'k', 'p', 'z'];
    const headers = [];
    for (const name of names) headers.push((await putAgain(client, name, `of ${name}`)).header);
    expect(headers.map((header) => header?.partitionId)).toEqual([2, 2, 3, 3, 4, 4]);
    for (const name of names) expect(await getAgain(client, name)).toBe(`of ${name}`);
    expect(await getAgain(client, 'nobody')).toBeNull();
  });

  it('reads many keys at once and scans over partitions, both ways', async () => {
    const request = MultiGetRequest.encode({
      context: undefined,
      keys: ['z', 'none', 'a', 'k'].map(key),
      consistency: Consistency.CONSISTENCY_EVENTUAL,
      maxAgeMs: 0,
    });
    const answer = await until('all replicas to know it', async () => {
      const bytes = await client.unary(dougService.multiGet, request.finish());
      const { results } = MultiGetResponse.decode(bytes);
      return results.filter(({ found }) => found).length === 3 ? results : null;
    });
    expect(answer.map(({ value }) => Buffer.from(value).toString())).toEqual([
      'of z',
      '',
      'of a',
      'of k',
    ]);
    expect(keysOf(await client.scan())).toEqual(['a', 'c', 'h', 'k', 'p', 'z']);
    expect(keysOf(await client.scan({ reverse: true, limit: 5 }))).toEqual([
      'z',
      'p',
      'k',
      'h',
      'c',
    ]);
    expect(keysOf(await client.scan({ start: key('c'), end: key('p') }))).toEqual(['c', 'h', 'k']);
  });

  it('sends a large scan in chunks, as a reader takes them', async () => {
    for (let at = 0; at < 6; at++) await putAgain(client, `large/${at}`, 'x'.repeat(700_000));
    const chunks = await client.scan({ start: key('large/'), end: key('large0') });
    expect(chunks.length).toBe(6);
    expect(chunks.slice(0, -1).every((chunk) => chunk.resumeKey !== undefined)).toBe(true);
    expect(chunks.at(-1)?.resumeKey).toBeUndefined();
  });

  /** Puts so many keys all over, and a get, on one pipe that is half closed at once. */
  async function pipeOf(count: number): Promise<PipeResponse[]> {
    const call = client.stream(dougService.pipe);
    const writer = new PipeRequestWriter();
    const responses: PipeResponse[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      call.on('data', (bytes: Uint8Array) => responses.push(PipeResponse.decode(bytes)));
      call.on('end', resolve);
      call.on('error', reject);
    });
    writer.begin(1, new Uint8Array(0));
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    for (let at = 0; at < count; at++) {
      const name = key(`${letters[at % 26]}/pipe/${at}`);
      writer.addCommand(0, 0, 0, false, encodePut(null, name, key('v')));
    }
    writer.addGet(0, 0, 0, false, Consistency.CONSISTENCY_LINEARIZABLE, key('z'));
    call.write(writer.finish());
    call.end();
    await ended;
    return responses;
  }

  it('serves a pipe until both sides have said all', async () => {
    const responses = await until('a pipe without a change of leaders', async () => {
      const told = await pipeOf(300);
      const results = told.flatMap((response) => response.results);
      // Every id has its answer in any case.
      expect(results.map(({ id }) => id).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 301 }, (_, at) => at + 1),
      );
      return results.some(({ result }) => result?.$case === 'error') ? null : told;
    });
    const seen = responses.flatMap((r) => r.headers.map((header) => header.partitionId));
    expect(new Set(seen)).toEqual(new Set([2, 3, 4]));
  });

  it('describes itself as a facade, tells its map and asks nodes for the rest', async () => {
    const described = DescribeResponse.decode(
      await client.unary(routesService.describe, new Uint8Array(0)),
    );
    expect(described).toMatchObject({ kind: EndpointKind.ENDPOINT_KIND_FACADE, nodeId: 0 });
    expect(described.partitions.map(({ partition }) => partition?.partitionId)).toEqual([2, 3, 4]);
    expect(described.nodes.map(({ address }) => address).sort()).toEqual(
      [...cluster.addresses].sort(),
    );
    const members = MemberListResponse.decode(
      await client.unary(adminService.memberList, new Uint8Array(0)),
    );
    expect(members.nodes.length).toBe(3);
    const partitions = PartitionListResponse.decode(
      await client.unary(adminService.partitionList, new Uint8Array(0)),
    );
    expect(partitions.partitions.map(({ partition }) => partition?.partitionId)).toEqual([
      1, 2, 3, 4,
    ]);
    const own = StatusResponse.decode(
      await client.unary(adminService.status, StatusRequest.encode({ nodeId: 0 }).finish()),
    );
    expect(own).toMatchObject({ node: { nodeId: 0, address: grpc }, replicas: [] });
    const second = StatusResponse.decode(
      await client.unary(adminService.status, StatusRequest.encode({ nodeId: 2 }).finish()),
    );
    expect(second.node?.nodeId).toBe(2);
    expect(second.replicas.length).toBe(4);
  });

  it('passes the transfer of a leadership on, and hears of it by its watch', async () => {
    const call = client.serverStream(
      routesService.watchMap,
      WatchMapRequest.encode({ clusterId: new Uint8Array(0), sinceRevision: 0 }).finish(),
    );
    const told: WatchMapResponse[] = [];
    call.on('data', (bytes: Uint8Array) => told.push(WatchMapResponse.decode(bytes)));
    call.on('error', () => undefined);
    const leaderNow = (): number | undefined =>
      told.flatMap((m) => m.leaders).findLast((l) => l.partitionId === 3)?.leaderNodeId;
    const before = await until('a leader', async () => leaderNow() ?? null);
    const toNodeId = (before % 3) + 1;
    const request = { clusterId: new Uint8Array(0), partitionId: 3, toNodeId };
    const bytes = TransferLeaderRequest.encode(request).finish();
    await until('the change', async () => {
      const told = await client.unary(adminService.transferLeader, bytes);
      return TransferLeaderResponse.decode(told).leaderNodeId === toNodeId ? true : null;
    });
    await until('the watch to tell', async () => (leaderNow() === toNodeId ? true : null));
    call.cancel();
    await putAgain(client, 'k', 'after');
  });

  it('refuses bad input with a code of the table, and lives', async () => {
    const value = new Uint8Array(limits.valueBytes + 1);
    const big = PutRequest.encode(PutRequest.fromPartial({ key: key('k'), value })).finish();
    const cases: [RawMethod, Uint8Array, string][] = [
      [dougService.put, Uint8Array.of(255, 255), 'INVALID_ARGUMENT'],
      [dougService.put, big, 'INVALID_ARGUMENT'],
      [dougService.get, new Uint8Array(0), 'INVALID_ARGUMENT'],
      [dougService.put, new Uint8Array(limits.requestBytes + 1), 'TOO_LARGE'],
      [routesService.describe, Uint8Array.of(8, 1), 'INVALID_ARGUMENT'],
      [adminService.status, StatusRequest.encode({ nodeId: 99 }).finish(), 'INVALID_ARGUMENT'],
      [{ ...dougService.get, path: '/dougdb.v1.Doug/Nothing' }, new Uint8Array(0), 'UNIMPLEMENTED'],
    ];
    for (const [method, request, reason] of cases) {
      expect(await errorOf(client.unary(method, request))).toMatchObject({
        reason,
        outcome: 'NOT_APPLIED',
      });
    }
    const call = client.stream(dougService.pipe);
    const failed = new Promise((resolve) => call.once('error', resolve));
    call.on('data', () => undefined);
    call.write(Uint8Array.of(255, 255));
    expect(await failed).toMatchObject({ code: 3 });
    expect(await getAgain(client, 'a')).toBe('of a');
  });

  it('tells its health and its services by gRPC, its state and metrics by HTTP', async () => {
    const Health = makeClientConstructor(healthService as never, 'Health');
    const health = new Health(grpc, credentials.createInsecure()) as unknown as {
      check(request: object, done: (error: unknown, answer: { status: string }) => void): void;
      close(): void;
    };
    const ask = (service: string): Promise<string> =>
      new Promise((resolve, reject) => {
        health.check({ service }, (error, answer) =>
          error ? reject(error) : resolve(answer.status),
        );
      });
    for (const service of ['', 'dougdb.v1.Doug']) {
      await until('serving', async () => ((await ask(service)) === 'SERVING' ? true : null));
    }
    await expect(ask('dougdb.raft.v1.Raft')).rejects.toMatchObject({ code: 5 });
    health.close();
    const call = client.stream({
      ...dougService.pipe,
      path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    });
    const answer = new Promise<Uint8Array>((resolve) => call.once('data', resolve));
    // ServerReflectionRequest { list_services: '' }
    call.write(Uint8Array.of(0x3a, 0));
    const services = Buffer.from(await answer).toString('latin1');
    call.end();
    expect(services).toContain('dougdb.v1.Doug');
    expect(services).not.toContain('dougdb.raft.v1');
    expect((await fetch(`http://${admin}/livez`)).status).toBe(200);
    expect((await fetch(`http://${admin}/readyz`)).status).toBe(200);
    const body = await (await fetch(`http://${admin}/metrics`)).text();
    for (const name of [
      'doug_build_info{',
      'doug_eventloop_lag_seconds{',
      'doug_facade_partitions 3',
      'doug_facade_map_watched 1',
      'doug_facade_items_sent_total',
      'doug_facade_requests_total{method="/dougdb.v1.Doug/Put",code="OK"}',
      'process_resident_memory_bytes',
    ]) {
      expect(body).toContain(name);
    }
  });

  it('logs events on stderr and says nothing but the ready line on stdout', async () => {
    expect(await facade.ready()).toMatch(/^doug-facade ready name=f1 grpc=\S+ admin=\S+ pid=\d+$/);
    const lines = facade.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    expect(lines.map(({ event }) => event)).toContain('facade.listening');
    expect(lines.map(({ event }) => event)).not.toContain('facade.map.forged');
  });
});

describe('facades', () => {
  it('stand beside each other, find the cluster by one living node, and drain on SIGTERM', async () => {
    const dead = '127.0.0.1:1';
    const last = cluster.addresses.slice(2);
    const one = startFacade(facadeArgs([dead, 'nowhere.invalid:4400', ...last]));
    const two = startFacade(facadeArgs(cluster.addresses, '--name', 'f2'));
    const clients = [];
    for (const { addresses } of [one, two].map((program) => ({ addresses: program.addresses() }))) {
      clients.push(new RawClient((await addresses).grpc));
    }
    const [first, second] = clients as [RawClient, RawClient];
    for (let at = 0; at < 20; at++) {
      await putAgain(first, `k${at}`, `${at}`);
      expect(await getAgain(second, `k${at}`)).toBe(`${at}`);
      await putAgain(second, `z${at}`, `${at}`);
      expect(await getAgain(first, `z${at}`)).toBe(`${at}`);
    }
    // What is under way while the facade drains is served; what comes too late certainly is not.
    const writes = Array.from({ length: 50 }, (_, at) =>
      first.put(`d${at}`, 'v').then(
        () => 'OK',
        (error: { outcome: string }) => error.outcome,
      ),
    );
    const [stopped, ...outcomes] = await Promise.all([one.stop('SIGTERM'), ...writes]);
    expect(stopped).toEqual({ code: 0, signal: null });
    for (const [at, outcome] of outcomes.entries()) {
      expect(['OK', 'NOT_APPLIED']).toContain(outcome);
      expect(await second.get(`d${at}`)).toBe(outcome === 'OK' ? 'v' : undefined);
    }
    expect(one.stderr).toContain('"event":"facade.drained"');
    expect(await two.stop('SIGINT')).toEqual({ code: 0, signal: null });
    for (const client of clients) client.close();
  });

  it('answer while a leader is killed, and lose nothing', async () => {
    const facade = startFacade(facadeArgs(cluster.addresses));
    const client = new RawClient((await facade.addresses()).grpc);
    const leader = await cluster.leaderOf(3);
    const known = new Map<string, string>();
    const writing = (async () => {
      for (let at = 0; at < 60; at++) {
        const name = `i/${at % 7}`;
        const outcome = await client.put(name, `${at}`).then(
          () => 'OK',
          (error: { outcome: string }) => error.outcome,
        );
        // What is in doubt may be either; the next write of the key settles it.
        if (outcome === 'OK') known.set(name, `${at}`);
        else if (outcome === 'UNKNOWN') known.delete(name);
        if (at === 10) await cluster.kill(leader);
      }
    })();
    await writing;
    expect(known.size).toBeGreaterThan(3);
    for (const [name, value] of known) expect(await getAgain(client, name)).toBe(value);
    await cluster.restart(leader);
    client.close();
    await facade.stop();
  });

  it('with a map that is forged all the time are slow, never wrong', async () => {
    const facade = startFacade(facadeArgs(cluster.addresses), { DOUG_TEST_FORGED_MAP: '42' });
    const client = new RawClient((await facade.addresses()).grpc);
    const known = new Map<string, string>();
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        [...letters].map(async (letter, at) => {
          const name = `${letter}/forged`;
          const value = `${round}/${at}`;
          const outcome = await client.put(name, value).then(
            () => 'OK',
            (error: { outcome: string }) => error.outcome,
          );
          // What certainly was not applied leaves what was there; what is in doubt may be either.
          if (outcome === 'OK') known.set(name, value);
          else if (outcome === 'UNKNOWN') known.delete(name);
        }),
      );
      for (const [name, value] of known) expect(await getAgain(client, name)).toBe(value);
    }
    for (const letter of letters) {
      if (known.has(`${letter}/forged`)) continue;
      await putAgain(client, `${letter}/forged`, 'at last');
      known.set(`${letter}/forged`, 'at last');
    }
    const found = keysOf(await client.scan()).filter((name) => name.endsWith('/forged'));
    expect(found).toEqual([...known.keys()].sort());
    expect(facade.stderr).toContain('"event":"facade.map.forged"');
    client.close();
    await facade.stop();
  });

  it('wait for a cluster that is not there yet, and are not ready until then', async () => {
    const facade = startFacade(facadeArgs(['127.0.0.1:1']));
    await until('it listens', () =>
      Promise.resolve(facade.stderr.includes('facade.waiting') ? true : null),
    );
    const { admin, grpc } = JSON.parse(
      facade.stderr.split('\n').find((line) => line.includes('facade.listening')) ?? '{}',
    ) as { admin: string; grpc: string };
    const ready = await fetch(`http://${admin}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, 'no partition map yet\n']);
    expect((await fetch(`http://${admin}/livez`)).status).toBe(200);
    const client = new RawClient(grpc);
    expect((await errorOf(client.put('a', 'b'))).reason).toBe('STARTING');
    client.close();
    expect(await facade.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('start cold while the meta group has no quorum', async () => {
    const alone = await Cluster.start(3);
    for (const member of alone.members.slice(1)) await alone.kill(member);
    const facade = startFacade(facadeArgs(alone.addresses));
    const client = new RawClient((await facade.addresses()).grpc);
    const described = DescribeResponse.decode(
      await client.unary(routesService.describe, new Uint8Array(0)),
    );
    expect(described.partitions.length).toBe(1);
    // One of three answers no linearizable read, however long it is asked.
    await errorOf(client.unary(dougService.get, getRequest('a'), 1_500));
    await alone.restart(alone.members[1]!);
    await until('a leader', async () => (await client.put('a', '1')).revision);
    client.close();
    await facade.stop();
    for (const { program } of alone.members.slice(0, 2)) await program.stop('SIGKILL');
  });
});

function getRequest(text: string): Uint8Array {
  // GetRequest { key }
  const bytes = key(text);
  return Uint8Array.of(0x12, bytes.length, ...bytes);
}
