import { codeFromWire, type WatchCreate, WatchRequest, WatchResponse } from '@dougdb/rpc-proto';
import { decodeWatchToken, encodeWatchToken } from '../src/index.js';
import type { ClientWatches } from '../src/proxy.js';
import { FacadeBench } from './support/facade-bench.js';
import { clusterId, type FakePartition } from './support/fake-nodes.js';
import { FakeWatches } from './support/fake-watches.js';

const two: readonly FakePartition[] = [
  { id: 2, start: '', end: 'm', version: 1, leader: 1 },
  { id: 3, start: 'm', end: '', version: 1, leader: 2 },
];

/** A client's stream of watches to a facade. */
class Client {
  readonly bench: FacadeBench;
  readonly watches: FakeWatches;
  readonly answers: WatchResponse[] = [];
  readonly failures: unknown[] = [];
  readonly stream: ClientWatches;
  queuedBytes = 0;

  private constructor(bench: FacadeBench, watches: FakeWatches) {
    const client = this;
    this.bench = bench;
    this.watches = watches;
    this.stream = bench.facade.openWatches({
      send: (bytes) => client.answers.push(WatchResponse.decode(new Uint8Array(bytes))),
      fail: (error) => client.failures.push(error),
      get queuedBytes() {
        return client.queuedBytes;
      },
    });
  }

  static async of(mostWatches?: number): Promise<Client> {
    const options = mostWatches === undefined ? {} : { mostWatches };
    const bench = await FacadeBench.ready({ partitions: two, ...options });
    return new Client(bench, new FakeWatches(bench.nodes));
  }

  another(): Client {
    return new Client(this.bench, this.watches);
  }

  create(watchId: number, create: Partial<WatchCreate> = {}): void {
    this.send({ $case: 'create', value: { ...emptyCreate, ...create, watchId } });
  }

  send(request: WatchRequest['request']): void {
    this.stream.received(WatchRequest.encode({ request }).finish());
  }

  of(watchId: number): WatchResponse[] {
    return this.answers.filter((answer) => answer.watchId === watchId);
  }

  keys(watchId: number): string[] {
    return this.of(watchId).flatMap(({ events }) =>
      events.map(({ kv }) => Buffer.from(kv?.key ?? []).toString()),
    );
  }

  async created(watchId: number): Promise<void> {
    await this.bench.until('created', () => this.of(watchId).some(({ created }) => created));
  }

  async ended(watchId: number): Promise<{ code: string | undefined; token: Uint8Array }> {
    await this.bench.until('the end', () => this.of(watchId).some(({ error }) => error), 120_000);
    const last = this.of(watchId).at(-1);
    return { code: codeFromWire(last?.error?.code ?? 0), token: last?.token ?? none };
  }
}

const none = new Uint8Array(0);
const emptyCreate: WatchCreate = {
  watchId: 0,
  context: undefined,
  start: none,
  end: none,
  token: none,
  fromRevision: 0,
  previous: false,
  noPuts: false,
  noDeletes: false,
  creditBytes: 0,
};

function revisions(token: Uint8Array): number[] {
  return decodeWatchToken(token, clusterId).pieces.map(({ revision, lastKey }) =>
    lastKey.length > 0 ? revision + 1 : revision,
  );
}

describe('watches of a facade', () => {
  it('are many on a stream, over partitions, and each has its own events', async () => {
    const client = await Client.of();
    client.create(7);
    client.create(9, { start: Buffer.from('x') });
    await client.created(7);
    await client.created(9);
    for (const key of ['a', 'x', 'n']) client.watches.put(key);
    await client.bench.until('events', () => client.keys(7).length > 2);
    expect([...client.keys(7)].sort()).toEqual(['a', 'n', 'x']);
    expect(client.keys(9)).toEqual(['x']);
    expect(client.of(7).at(-1)?.header?.partitionId).toBeGreaterThan(1);
    expect(revisions(client.of(7).at(-1)?.token ?? none)).toEqual([1, 2]);
  });

  it('go on from a token, of another facade too', async () => {
    const client = await Client.of();
    client.create(1);
    await client.created(1);
    const { token } = client.of(1)[0] as WatchResponse;
    for (const key of ['a', 'z']) client.watches.put(key);
    const other = client.another();
    other.create(1, { token });
    await client.bench.until('events', () => other.keys(1).length > 1);
    expect([...other.keys(1)].sort()).toEqual(['a', 'z']);
    expect(other.of(1)[0]).toMatchObject({ created: true, token });
  });

  it('go on from a token where they can, while a partition of theirs cannot be watched', async () => {
    const client = await Client.of();
    client.create(1);
    await client.created(1);
    const { token } = client.of(1)[0] as WatchResponse;
    client.watches.onTell = ({ response }) =>
      response.header?.partitionId === 3 ? 'drop' : 'send';
    for (const key of ['a', 'z']) client.watches.put(key);
    const other = client.another();
    other.create(1, { token });
    await client.bench.until('an event', () => other.keys(1).length > 0);
    expect(other.keys(1)).toEqual(['a']);
    // Whoever hears nothing for 10 s goes elsewhere.
    const { length } = other.of(1);
    await client.bench.scheduler.advance(9_000);
    expect(other.of(1).length).toBeGreaterThan(length);
    client.watches.onTell = () => 'send';
    await client.bench.until('the other', () => other.keys(1).length > 1);
    expect(other.keys(1)).toEqual(['a', 'z']);
  });

  it('tell no more than the credit and one message', async () => {
    const client = await Client.of();
    client.watches.batchEvents = 1;
    client.create(1, { creditBytes: 100 });
    await client.created(1);
    for (let i = 0; i < 20; i++) client.watches.put('a', 'x'.repeat(17));
    await client.bench.scheduler.advance(100);
    // 50 bytes each.
    expect(client.keys(1)).toHaveLength(2);
    client.send({ $case: 'credit', value: { watchId: 1, bytes: 120 } });
    await client.bench.scheduler.advance(100);
    expect(client.keys(1)).toHaveLength(5);
  });

  it('tell nothing to a connection that takes nothing', async () => {
    const client = await Client.of();
    client.create(1);
    await client.created(1);
    client.queuedBytes = 8 << 20;
    client.watches.put('a');
    await client.bench.scheduler.advance(10_000);
    expect(client.of(1)).toHaveLength(1);
    client.queuedBytes = 0;
    client.stream.drained();
    await client.bench.until('an event', () => client.keys(1).length === 1);
  });

  it('end with LAGGING and a token when nothing is taken, and others do not notice', async () => {
    const client = await Client.of();
    client.create(1, { creditBytes: 10 });
    client.create(2);
    await client.created(1);
    await client.created(2);
    for (let i = 0; i < 5; i++) client.watches.put('a', `${i}`);
    const { code, token } = await client.ended(1);
    expect(code).toBe('LAGGING');
    expect(client.keys(2)).toHaveLength(5);
    const told = client.keys(1).length;
    expect(told).toBeLessThan(5);
    client.create(3, { token });
    await client.bench.until('the rest', () => client.keys(3).length === 5 - told);
    expect(client.of(2).some(({ error }) => error)).toBe(false);
  });

  it('do not end when nothing is taken and nothing is there', async () => {
    const client = await Client.of();
    client.create(1, { creditBytes: 10 });
    await client.created(1);
    await client.bench.scheduler.advance(100_000);
    expect(client.of(1).some(({ error }) => error)).toBe(false);
  });

  it('say something every 5 s, whatever happens behind them', async () => {
    const client = await Client.of();
    client.create(1);
    await client.created(1);
    client.watches.onTell = () => 'break';
    for (let second = 0; second < 30; second += 5) {
      const before = client.of(1).length;
      await client.bench.scheduler.advance(5_000);
      expect(client.of(1).length).toBeGreaterThan(before);
    }
    expect(client.of(1).some(({ error }) => error)).toBe(false);
  });

  it('end with the error of the cluster', async () => {
    const client = await Client.of();
    client.create(1, { end: Buffer.from('b') });
    await client.created(1);
    client.watches.put('a');
    await client.bench.until('an event', () => client.keys(1).length > 0);
    const { token } = client.of(1).at(-1) as WatchResponse;
    for (let i = 0; i < 5; i++) client.watches.put('a');
    client.watches.history(2).floor = 4;
    client.create(2, { token, end: Buffer.from('b') });
    expect(await client.ended(2)).toEqual({ code: 'COMPACTED', token });
  });

  const refused: [string, Partial<WatchCreate>, string][] = [
    [
      'of the cluster itself',
      { context: { clusterId: none, partitionId: 1, epochVersion: 0 } },
      'INVALID_ARGUMENT',
    ],
    [
      'of another cluster',
      { context: { clusterId: new Uint8Array(16), partitionId: 0, epochVersion: 0 } },
      'CLUSTER_MISMATCH',
    ],
    ['of no range', { start: Buffer.from('b'), end: Buffer.from('a') }, 'INVALID_ARGUMENT'],
    ['of a bound that is no key', { start: new Uint8Array(9_000) }, 'INVALID_ARGUMENT'],
    ['with garbage as their token', { token: Uint8Array.of(1, 2, 3) }, 'INVALID_ARGUMENT'],
    ['from a revision of two partitions', { fromRevision: 3 }, 'INVALID_ARGUMENT'],
    [
      'from a token and a revision',
      { fromRevision: 3, token: Uint8Array.of(0x57) },
      'INVALID_ARGUMENT',
    ],
    [
      'with the token of another cluster',
      {
        token: encodeWatchToken({
          clusterId: new Uint8Array(16).fill(1),
          pieces: [
            { partitionId: 2, epochVersion: 1, start: none, end: none, revision: 0, lastKey: none },
          ],
        }),
      },
      'CLUSTER_MISMATCH',
    ],
  ];
  it.each(refused)('%s are refused, and the stream goes on', async (_what, create, code) => {
    const client = await Client.of();
    client.create(1, create);
    expect((await client.ended(1)).code).toBe(code);
    client.create(2);
    await client.created(2);
    expect([client.failures, client.stream.size]).toEqual([[], 1]);
  });

  it.each([
    ['garbage', Uint8Array.of(0xff, 0xff)],
    ['nothing', none],
    ['an unknown field', Uint8Array.of(0x22, 0)],
  ])('end with their stream when %s comes on it', async (_what, bytes) => {
    const client = await Client.of();
    client.create(1);
    await client.created(1);
    client.stream.received(bytes);
    expect(client.failures).toMatchObject([{ code: 'DOUG_INVALID_ARGUMENT' }]);
    await client.bench.scheduler.advance(10);
    expect([client.watches.open, client.stream.size]).toEqual([0, 0]);
  });

  it('are named once', async () => {
    const client = await Client.of();
    client.create(1);
    client.create(1);
    expect(client.failures).toMatchObject([{ code: 'DOUG_INVALID_ARGUMENT' }]);
  });

  it('leave nothing open when they are cancelled, or their client goes, at any moment', async () => {
    for (const how of ['cancel', 'close'] as const) {
      for (const afterMs of [0, 1, 2, 3, 4, 20, 6_000]) {
        const client = await Client.of();
        client.create(1);
        client.watches.put('a');
        await client.bench.scheduler.advance(afterMs);
        client.send({ $case: 'credit', value: { watchId: 99, bytes: 1 } });
        if (how === 'cancel') client.send({ $case: 'cancel', value: { watchId: 1 } });
        else client.stream.closed();
        client.send({ $case: 'cancel', value: { watchId: 1 } });
        const before = client.answers.length;
        client.watches.put('a');
        await client.bench.scheduler.advance(10);
        expect([client.watches.open, client.watches.streams.size, client.stream.size]).toEqual([
          0, 0, 0,
        ]);
        expect(client.answers.length).toBe(before);
      }
    }
  });

  it('are bounded in number', async () => {
    const client = await Client.of(20);
    const other = client.another();
    for (let watchId = 1; watchId <= 10; watchId++) {
      client.create(watchId);
      other.create(watchId);
    }
    client.create(11);
    expect((await client.ended(11)).code).toBe('BUSY');
    other.stream.closed();
    client.create(12);
    await client.created(12);
    for (let watchId = 13; watchId <= 22; watchId++) client.create(watchId);
    expect((await client.ended(22)).code).toBe('BUSY');
    client.send({ $case: 'cancel', value: { watchId: 1 } });
    client.create(20_000);
    await client.created(20_000);
  });

  it('are told where to go on when the facade stops', async () => {
    const client = await Client.of();
    client.create(1);
    await client.created(1);
    client.watches.put('a');
    await client.bench.until('an event', () => client.keys(1).length > 0);
    const drained = client.bench.run(client.bench.facade.drain(1_000));
    const { code, token } = await client.ended(1);
    expect([code, revisions(token)]).toEqual(['DRAINING', [1, 0]]);
    await drained;
    client.create(2);
    expect((await client.ended(2)).code).toBe('DRAINING');
    await client.bench.run(client.bench.facade.close());
    expect([client.watches.streams.size, client.watches.open]).toEqual([0, 0]);
  });

  it('are refused until the cluster is known', async () => {
    const bench = new FacadeBench();
    const answers: WatchResponse[] = [];
    const stream = bench.facade.openWatches({
      send: (bytes) => answers.push(WatchResponse.decode(bytes)),
      fail: () => undefined,
      queuedBytes: 0,
    });
    stream.received(
      WatchRequest.encode({
        request: { $case: 'create', value: { ...emptyCreate, watchId: 4 } },
      }).finish(),
    );
    expect(answers.map(({ error }) => codeFromWire(error?.code ?? 0))).toEqual(['STARTING']);
  });
});
