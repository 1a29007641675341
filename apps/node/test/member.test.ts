import { errorOf, type Program, RawClient } from '@dougdb/host/testing';
import {
  Consistency,
  encodePut,
  limits,
  PipeRequestWriter,
  PipeResponse,
  PutRequest,
  WatchCreate,
  WatchRequest,
  WatchResponse,
} from '@dougdb/rpc-proto';
import { dougService, type RawMethod, routesService } from '@dougdb/rpc-proto/node';
import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import {
  killLeftovers,
  memberArgs,
  removeTempDirs,
  runNode,
  tempDir,
  until,
} from './node-process.js';

afterAll(async () => {
  await killLeftovers();
  removeTempDirs();
});

describe('one member, as its users see it', () => {
  let node: Program;
  let grpc: string;
  let admin: string;
  let client: RawClient;

  beforeAll(async () => {
    node = runNode(memberArgs(tempDir()));
    ({ grpc, admin } = await node.addresses());
    client = new RawClient(grpc);
  }, 30_000);
  afterAll(() => client.close());

  it('keeps what is put, and finds it', async () => {
    const { revision, header } = await client.put('hello', 'world');
    expect(revision).toBeGreaterThan(0);
    expect(header?.nodeId).toBe(1);
    expect(await client.get('hello')).toBe('world');
    expect(await client.get('nobody')).toBeUndefined();
  });

  it('scans', async () => {
    for (const key of ['scan/a', 'scan/b']) await client.put(key, key);
    const chunks = await client.scan({ start: Buffer.from('scan/'), end: Buffer.from('scan0') });
    expect(
      chunks.flatMap((chunk) => chunk.kvs.map((kv) => Buffer.from(kv.key).toString())),
    ).toEqual(['scan/a', 'scan/b']);
  });

  it('sends a large scan in chunks, and none to a caller that is gone', async () => {
    for (let at = 0; at < 5; at++) await client.put(`large/${at}`, 'x'.repeat(700_000));
    const range = { start: Buffer.from('large/'), end: Buffer.from('large0') };
    const chunks = await client.scan(range);
    expect(chunks.length).toBe(5);
    expect(chunks.slice(0, -1).every((chunk) => chunk.resumeKey !== undefined)).toBe(true);
    expect(chunks.at(-1)?.resumeKey).toBeUndefined();
  });

  it('tells a watch what is written, and ends its stream with a message that makes no sense', async () => {
    const call = client.stream(dougService.watch);
    const events: string[] = [];
    let isCreated = false;
    call.on('data', (bytes: Uint8Array) => {
      const { created, events: told } = WatchResponse.decode(bytes);
      isCreated ||= created;
      for (const { kv } of told) {
        events.push(
          `${Buffer.from(kv?.key ?? []).toString()}=${Buffer.from(kv?.value ?? []).toString()}`,
        );
      }
    });
    const ended = errorOf(
      new Promise((_, reject) => {
        call.on('error', reject);
      }),
    );
    const create = WatchCreate.fromPartial({
      watchId: 1,
      start: Buffer.from('watched/'),
      end: Buffer.from('watched0'),
    });
    call.write(WatchRequest.encode({ request: { $case: 'create', value: create } }).finish());
    await until('the watch stands', () => Promise.resolve(isCreated || null));
    for (const key of ['watched/a', 'elsewhere', 'watched/b']) await client.put(key, key);
    await until('both are told', () => Promise.resolve(events.length === 2 || null));
    expect(events).toEqual(['watched/a=watched/a', 'watched/b=watched/b']);
    call.write(Uint8Array.of(255));
    expect(await ended).toMatchObject({ code: 3 });
  });

  it('ends a stream of watches whose client has said all', async () => {
    const call = client.stream(dougService.watch);
    call.on('data', () => undefined);
    const ended = new Promise<void>((resolve, reject) => {
      call.on('end', resolve);
      call.on('error', reject);
    });
    call.end();
    await ended;
  });

  it('serves a pipe until both sides have said all', async () => {
    const call = client.stream(dougService.pipe);
    const writer = new PipeRequestWriter();
    const responses: PipeResponse[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      call.on('data', (bytes: Uint8Array) => responses.push(PipeResponse.decode(bytes)));
      call.on('end', resolve);
      call.on('error', reject);
    });
    writer.begin(1, new Uint8Array(0));
    for (let at = 0; at < 300; at++) {
      writer.addCommand(
        0,
        0,
        0,
        false,
        encodePut(null, Buffer.from(`pipe/${at}`), Buffer.from('v')),
      );
    }
    writer.addGet(0, 0, 0, false, Consistency.CONSISTENCY_LINEARIZABLE, Buffer.from('hello'));
    call.write(writer.finish());
    call.end();
    await ended;
    const ids = responses.flatMap((response) => response.results.map((result) => result.id));
    expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 301 }, (_, at) => at + 1));
  });

  it('answers what it refuses at once also to a caller that has ended', async () => {
    const call = client.stream(dougService.pipe);
    const answered = new Promise<PipeResponse[]>((resolve, reject) => {
      const responses: PipeResponse[] = [];
      call.on('data', (bytes: Uint8Array) => responses.push(PipeResponse.decode(bytes)));
      call.on('end', () => resolve(responses));
      call.on('error', reject);
    });
    const writer = new PipeRequestWriter();
    writer.begin(7, new Uint8Array(0));
    writer.addGet(0, 0, 0, false, Consistency.CONSISTENCY_LINEARIZABLE, new Uint8Array(0));
    call.write(writer.finish());
    call.end();
    const ids = (await answered).flatMap((response) => response.results.map(({ id }) => id));
    expect(ids).toEqual([7]);
  });

  it('refuses bad input with a code of the table, and lives', async () => {
    const value = new Uint8Array(limits.valueBytes + 1);
    const big = PutRequest.encode(
      PutRequest.fromPartial({ key: Buffer.from('k'), value }),
    ).finish();
    const cases: [RawMethod, Uint8Array, string][] = [
      [dougService.put, Uint8Array.of(255, 255), 'INVALID_ARGUMENT'],
      [dougService.put, big, 'INVALID_ARGUMENT'],
      [dougService.get, new Uint8Array(0), 'INVALID_ARGUMENT'],
      [dougService.put, new Uint8Array(limits.requestBytes + 1), 'TOO_LARGE'],
      [routesService.describe, Uint8Array.of(8, 1), 'INVALID_ARGUMENT'],
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
    expect(await client.get('hello')).toBe('world');
  });

  it('tells its health by gRPC', async () => {
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
    for (const service of ['', 'dougdb.v1.Doug', 'dougdb.raft.v1.Raft']) {
      await until('serving', async () => ((await ask(service)) === 'SERVING' ? true : null));
    }
    await expect(ask('nothing')).rejects.toMatchObject({ code: 5 });
    health.close();
  });

  it.each(['v1', 'v1alpha'])('tells its services by reflection %s', async (version) => {
    const call = client.stream({
      ...dougService.pipe,
      path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    });
    const answer = new Promise<Uint8Array>((resolve) => call.once('data', resolve));
    // ServerReflectionRequest { list_services: '' }
    call.write(Uint8Array.of(0x3a, 0));
    const services = Buffer.from(await answer).toString('latin1');
    call.end();
    expect(services).toContain('dougdb.v1.Doug');
    expect(services).toContain('dougdb.raft.v1.Raft');
  });

  it('is live and ready, and shows metrics of every part', async () => {
    expect((await fetch(`http://${admin}/livez`)).status).toBe(200);
    expect((await fetch(`http://${admin}/readyz`)).status).toBe(200);
    const body = await (await fetch(`http://${admin}/metrics`)).text();
    for (const name of [
      'doug_build_info{',
      'doug_eventloop_lag_seconds{',
      'doug_server_has_leader 1',
      'doug_wal_fsync_seconds_count',
      'doug_sst_flushes_total',
      'doug_raft_proposals_applied_total',
      'doug_requests_total{method="/dougdb.v1.Doug/Put",code="OK"}',
      'process_resident_memory_bytes',
    ]) {
      expect(body).toContain(name);
    }
  });

  it('drains on SIGTERM: exit code 0, and comes back with its data', async () => {
    const dataDir = tempDir();
    const first = runNode(memberArgs(dataDir));
    const one = new RawClient((await first.addresses()).grpc);
    await one.put('kept', 'yes');
    one.close();
    expect(await first.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(first.stderr).toContain('"event":"member.drained"');
    const second = runNode(memberArgs(dataDir));
    const two = new RawClient((await second.addresses()).grpc);
    expect(await two.get('kept')).toBe('yes');
    await two.put('after', 'kill -9');
    two.close();
    await second.stop('SIGKILL');
    const third = runNode(memberArgs(dataDir));
    const three = new RawClient((await third.addresses()).grpc);
    expect(await three.get('after')).toBe('kill -9');
    three.close();
    expect(await third.stop('SIGINT')).toEqual({ code: 0, signal: null });
  }, 30_000);

  it('ends with exit code 0 when it is stopped before it was ready', async () => {
    const args = memberArgs(tempDir(), '--join', '127.0.0.1:1,127.0.0.1:2');
    const waiting = runNode(args);
    await until('it listens', () =>
      Promise.resolve(waiting.stderr.includes('node.listening') ? true : null),
    );
    expect(await waiting.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(waiting.stderr).not.toContain('internal error');
  });

  it('logs events on stderr and says nothing but the ready line on stdout', async () => {
    const lines = node.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    expect(lines.map((line) => line.event)).toContain('raft.leader.elected');
    expect(await node.ready()).toMatch(/^doug-node ready name=n1 grpc=\S+ admin=\S+ pid=\d+$/);
  });
});
