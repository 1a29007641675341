import { SimRandom } from '@dougdb/ports/sim';
import { ScanRequest as Request, type ScanRequest, ScanResponse } from '@dougdb/rpc-proto';
import { bytes, compact, del, errorOf, leaderOf, put, scan, text } from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';

jest.setTimeout(60_000);

const KEYS = Array.from({ length: 24 }, (_, i) => `k${String.fromCharCode(97 + i)}`);

/** The first chunk of a scan; then the caller hangs up. */
async function firstChunk(
  cluster: TestCluster,
  node: TestNode,
  more: Partial<ScanRequest>,
): Promise<ScanResponse> {
  const chunks: ScanResponse[] = [];
  const output = {
    get cancelled() {
      return chunks.length > 0;
    },
    send: async (chunk: Uint8Array) => {
      chunks.push(ScanResponse.decode(chunk));
    },
  };
  const context = { deadlineMs: node.clock.monotonicMs() + 5_000 };
  const request = Request.encode(Request.fromPartial(more)).finish();
  await cluster.run(node.member.scan(request, context, output));
  return chunks[0] as ScanResponse;
}

/** Values of some 100 to 300 KiB, told apart by their beginning. */
function markedValue(random: SimRandom, mark: string): Uint8Array {
  const value = new Uint8Array(100_000 + Math.floor(random.next() * 200_000)).fill(46);
  value.set(bytes(mark));
  return value;
}

const markOf = (value: Uint8Array): string =>
  text(value.subarray(0, 12))?.replace(/\.+$/, '') ?? '';

describe('tokens of scans', () => {
  const seeds = process.env.SEED === undefined ? [1, 2] : [Number(process.env.SEED)];

  it.each(seeds)(
    'go on in the same view on any member, whatever is written meanwhile (SEED=%d)',
    async (seed) => {
      const random = new SimRandom(`tokens/${seed}`);
      const cluster = new TestCluster(3, seed, [], { memtableBudgetBytes: 32 << 20 });
      cluster.startAll();
      await cluster.ready();
      const leader = await leaderOf(cluster);
      const model = new Map<string, string>();
      let writes = 0;
      const write = async (): Promise<void> => {
        const key = KEYS[Math.floor(random.next() * KEYS.length)] as string;
        const mark = `${key}:${++writes}`;
        if (random.next() < 0.2) {
          await del(leader, key);
          model.delete(key);
        } else {
          await put(leader, key, markedValue(random, mark));
          model.set(key, mark);
        }
      };
      for (const key of KEYS) {
        await put(leader, key, markedValue(random, `${key}:0`));
        model.set(key, `${key}:0`);
      }
      let hops = 0;
      for (let round = 0; round < 4; round++) {
        const reverse = random.next() < 0.5;
        const limit = random.next() < 0.5 ? 0 : 1 + Math.floor(random.next() * 20);
        const start = bytes(KEYS[Math.floor(random.next() * 6)] as string);
        const end = random.next() < 0.5 ? new Uint8Array(0) : bytes('kv');
        const expected = [...model]
          .filter(([key]) => key >= (text(start) ?? '') && (end.length === 0 || key < 'kv'))
          .sort(([a], [b]) => (a < b ? -1 : 1) * (reverse ? -1 : 1))
          .slice(0, limit === 0 ? KEYS.length : limit)
          .map(([key, mark]) => `${key}=${mark}`);
        const found: string[] = [];
        const revisions = new Set<number | undefined>();
        let request: Partial<ScanRequest> = { start, end, limit, reverse };
        for (;;) {
          const node = cluster.node(Math.floor(random.next() * 3));
          const chunk = await firstChunk(cluster, node, request);
          revisions.add(chunk.header?.revision);
          found.push(...chunk.kvs.map((kv) => `${text(kv.key)}=${markOf(kv.value)}`));
          if (chunk.token.length === 0) break;
          hops++;
          // As a client sends it: its request with the token, and what is left of the limit.
          const left = limit === 0 ? 0 : limit - found.length;
          request = { ...request, token: chunk.token, limit: left };
          if (random.next() < 0.7) await write();
        }
        expect(found).toEqual(expected);
        expect(revisions.size).toBe(1);
        await write();
      }
      expect(hops).toBeGreaterThan(4);
    },
  );

  it('count and limit what the chunks before left over', async () => {
    const cluster = new TestCluster(1);
    cluster.startAll();
    await cluster.ready();
    const node = cluster.node(0);
    const random = new SimRandom(1);
    for (const key of KEYS) await put(node, key, markedValue(random, key));
    const first = await firstChunk(cluster, node, { limit: 10 });
    const rest = await scan(cluster, node, { token: first.token, limit: 10 - first.kvs.length });
    const all = [first, ...rest].flatMap((chunk) => chunk.kvs.map((kv) => text(kv.key)));
    expect(all).toEqual(KEYS.slice(0, 10));
    expect((await scan(cluster, node, { countOnly: true })).map((c) => c.count)).toEqual([24]);
    expect(
      (await scan(cluster, node, { countOnly: true, start: bytes('kc') })).map((c) => c.count),
    ).toEqual([22]);
  });

  it('are good as long as history is, and COMPACTED then on every member', async () => {
    const cluster = new TestCluster(3, 3, [], { memtableBudgetBytes: 64 << 20 });
    cluster.startAll();
    await cluster.ready();
    const leader = await leaderOf(cluster);
    const random = new SimRandom(1);
    for (const key of KEYS) await put(leader, key, markedValue(random, 'old'));
    const { token, header } = await firstChunk(cluster, leader, {});
    await put(leader, 'ka', 'new');
    // The floor may come as far as the view, and not beyond it.
    await compact(leader, { partitionId: 2, revision: header?.revision ?? 0 });
    for (const node of cluster.nodes) {
      const chunk = await firstChunk(cluster, node, { token });
      expect(chunk.header?.revision).toBe(header?.revision);
    }
    const floor = await compact(leader, { partitionId: 2 });
    expect(floor).toBe((header?.revision ?? 0) + 1);
    await cluster.advance(200);
    for (const node of cluster.nodes) {
      const error = await errorOf(scan(cluster, node, { token }));
      expect([error.reason, error.outcome]).toEqual(['COMPACTED', 'NOT_APPLIED']);
    }
  });

  it('are no good elsewhere', async () => {
    const [one, other] = [new TestCluster(1, 1), new TestCluster(1, 2)];
    for (const cluster of [one, other]) {
      cluster.startAll();
      await cluster.ready();
    }
    const random = new SimRandom(1);
    for (const key of KEYS) await put(one.node(0), key, markedValue(random, key));
    const { token } = await firstChunk(one, one.node(0), {});
    const error = await errorOf(scan(other, other.node(0), { token }));
    expect([error.reason, error.outcome]).toEqual(['INVALID_ARGUMENT', 'NOT_APPLIED']);
  });
});
