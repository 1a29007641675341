import { SimScheduler } from '@dougdb/ports/sim';
import { limits, ScanRequest, ScanResponse } from '@dougdb/rpc-proto';
import type { DbIterator } from '@dougdb/sstable';
import { FakeReplica, viewOf } from '../../test/fake-replica.js';
import { handleScan } from './scan.js';

class ListIterator implements DbIterator {
  readonly #pairs: readonly (readonly [string, Uint8Array])[];
  #at = -1;
  closed = 0;

  constructor(pairs: readonly (readonly [string, Uint8Array])[]) {
    this.#pairs = pairs;
  }

  next(): boolean {
    return ++this.#at < this.#pairs.length;
  }
  seek(): boolean {
    return false;
  }
  key(): Uint8Array {
    return Buffer.from(this.#pairs[this.#at]?.[0] ?? '');
  }
  value(): Uint8Array {
    return this.#pairs[this.#at]?.[1] ?? new Uint8Array(0);
  }
  sequence(): number {
    return this.#at + 1;
  }
  close(): void {
    this.closed++;
  }
}

async function scan(
  pairs: readonly (readonly [string, Uint8Array])[],
  request: Partial<ScanRequest> = {},
  more: { cancelAfter?: number; deadlineMs?: number; onSend?: () => Promise<void> } = {},
): Promise<{ chunks: ScanResponse[]; iterator: ListIterator; error: unknown }> {
  const scheduler = new SimScheduler();
  const fake = new FakeReplica();
  const iterator = new ListIterator(pairs);
  fake.iterator = iterator;
  const chunks: ScanResponse[] = [];
  const full = ScanRequest.encode({
    ...ScanRequest.decode(new Uint8Array(0)),
    ...request,
  }).finish();
  const output = {
    send: async (bytes: Uint8Array) => {
      chunks.push(ScanResponse.decode(bytes));
      await more.onSend?.();
    },
    get cancelled() {
      return chunks.length >= (more.cancelAfter ?? Number.POSITIVE_INFINITY);
    },
  };
  const context = { deadlineMs: more.deadlineMs ?? 1000 };
  const result = handleScan(viewOf(fake), scheduler.clock(), full, context, output);
  const error = await scheduler.runWhilePending(result).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { chunks, iterator, error };
}

const value = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(9);
const keysOf = (chunks: readonly ScanResponse[]): string[] =>
  chunks.flatMap((chunk) => chunk.kvs.map((kv) => Buffer.from(kv.key).toString()));
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString();

describe('scan', () => {
  it('of nothing answers one chunk with a header', async () => {
    const { chunks, iterator } = await scan([]);
    expect(chunks.map((chunk) => [chunk.kvs.length, chunk.resumeKey])).toEqual([[0, undefined]]);
    expect(chunks[0]?.header?.partitionId).toBe(2);
    expect(iterator.closed).toBe(1);
  });

  it('cuts chunks of at most 1 MiB, each but the last with the key where the next begins', async () => {
    const pairs = ['a', 'b', 'c', 'd', 'e'].map((k) => [k, value(400_000)] as const);
    const { chunks } = await scan(pairs);
    expect(chunks.map((chunk) => chunk.kvs.length)).toEqual([2, 2, 1]);
    expect(chunks.map((chunk) => text(chunk.resumeKey))).toEqual(['c', 'e', undefined]);
    expect(keysOf(chunks)).toEqual(['a', 'b', 'c', 'd', 'e']);
    for (const chunk of chunks) {
      expect(ScanResponse.encode(chunk).finish().length).toBeLessThanOrEqual(limits.scanChunkBytes);
    }
    expect(chunks[1]?.kvs.map((kv) => kv.revision)).toEqual([3, 4]);
  });

  it('resumes a reversed scan before the last key of the chunk', async () => {
    const pairs = ['e', 'd', 'c'].map((k) => [k, value(600_000)] as const);
    const { chunks } = await scan(pairs, { reverse: true });
    expect(chunks.map((chunk) => text(chunk.resumeKey))).toEqual(['e', 'd', undefined]);
  });

  it('sends a value of the largest size by itself', async () => {
    const { chunks } = await scan([
      ['a', value(limits.valueBytes)],
      ['b', value(limits.valueBytes)],
    ]);
    expect(chunks.map((chunk) => chunk.kvs.length)).toEqual([1, 1]);
  });

  it('stops at the limit without a resume key', async () => {
    const pairs = ['a', 'b', 'c'].map((k) => [k, value(1)] as const);
    const { chunks } = await scan(pairs, { limit: 2 });
    expect(keysOf(chunks)).toEqual(['a', 'b']);
    expect(chunks[0]?.resumeKey).toBeUndefined();
  });

  it('leaves values out when only keys are asked for', async () => {
    const { chunks } = await scan([['a', value(100)]], { keysOnly: true });
    expect(chunks[0]?.kvs[0]?.value.length).toBe(0);
  });

  it('makes the next chunk only when the last was taken', async () => {
    const pairs = ['a', 'b', 'c'].map((k) => [k, value(900_000)] as const);
    let waiting = 0;
    let most = 0;
    const { chunks } = await scan(
      pairs,
      {},
      {
        onSend: async () => {
          most = Math.max(most, ++waiting);
          await Promise.resolve();
          waiting--;
        },
      },
    );
    expect([chunks.length, most]).toEqual([3, 1]);
  });

  it('ends when the caller is gone, and closes its iterator', async () => {
    const pairs = ['a', 'b', 'c'].map((k) => [k, value(900_000)] as const);
    const { chunks, iterator, error } = await scan(pairs, {}, { cancelAfter: 1 });
    expect([chunks.length, iterator.closed, error]).toEqual([1, 1, null]);
  });

  it('ends with DEADLINE when the time is up', async () => {
    const { error, iterator } = await scan([['a', value(1)]], {}, { deadlineMs: 0 });
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    expect(iterator.closed).toBe(1);
  });

  it.each<[string, Partial<ScanRequest>]>([
    ['start behind end', { start: Buffer.from('b'), end: Buffer.from('a') }],
    ['a bound longer than a key', { start: new Uint8Array(limits.keyBytes + 1) }],
    ['an unknown consistency', { consistency: 9 as never }],
  ])('refuses %s', async (_what, request) => {
    const { error, chunks } = await scan([], request);
    expect(error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT', outcome: 'NOT_APPLIED' });
    expect(chunks).toEqual([]);
  });
});
