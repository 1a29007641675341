import { decodeScanToken, encodeScanToken, type ScanToken } from '@dougdb/facade';
import type { Clock } from '@dougdb/ports';
import { type SimClock, SimScheduler } from '@dougdb/ports/sim';
import type { ScanIterator, ScanOptions } from '@dougdb/replica';
import { Consistency, limits, ScanRequest, ScanResponse } from '@dougdb/rpc-proto';
import { clusterId } from '../../test/fake-membership.js';
import { FakeReplica, viewOf } from '../../test/fake-replica.js';
import { handleScan } from './scan.js';

class ListIterator implements ScanIterator {
  readonly #pairs: readonly (readonly [string, Uint8Array])[];
  #at = -1;
  closed = 0;
  /** Deleted keys that lie before each pair, and before the end; those that are still to be passed. */
  readonly #gone: number;
  #left: number;
  /** What passing over them has taken: a millisecond for a thousand. */
  workMs = 0;

  constructor(pairs: readonly (readonly [string, Uint8Array])[], gone = 0) {
    this.#pairs = pairs;
    this.#gone = gone;
    this.#left = gone;
  }

  next(): boolean {
    return this.step(Number.POSITIVE_INFINITY) === 'at';
  }
  step(most: number): 'at' | 'passing' | 'end' {
    const passed = Math.min(this.#left, most);
    this.#left -= passed;
    this.workMs += passed / 1000;
    if (this.#left > 0) return 'passing';
    this.#left = this.#gone;
    return ++this.#at < this.#pairs.length ? 'at' : 'end';
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
  expiresAt(): number {
    return 0;
  }
  close(): void {
    this.closed++;
  }
}

async function scan(
  pairs: readonly (readonly [string, Uint8Array])[],
  request: Partial<ScanRequest> = {},
  more: {
    cancelAfter?: number;
    deadlineMs?: number;
    /** Deleted keys before each pair. */
    gone?: number;
    onSend?: (clock: SimClock) => Promise<void>;
  } = {},
): Promise<{
  chunks: ScanResponse[];
  iterator: ListIterator;
  error: unknown;
  asked: readonly ScanOptions[];
  endedMs: number;
  turns: number;
}> {
  const scheduler = new SimScheduler();
  const fake = new FakeReplica();
  const iterator = new ListIterator(pairs, more.gone);
  fake.iterator = iterator;
  const chunks: ScanResponse[] = [];
  const full = ScanRequest.encode({
    ...ScanRequest.decode(new Uint8Array(0)),
    ...request,
  }).finish();
  const output = {
    send: async (bytes: Uint8Array) => {
      chunks.push(ScanResponse.decode(bytes));
      await more.onSend?.(clock);
    },
    get cancelled() {
      return chunks.length >= (more.cancelAfter ?? Number.POSITIVE_INFINITY);
    },
  };
  const context = { deadlineMs: more.deadlineMs ?? 1000 };
  const clock = scheduler.clock();
  let turns = 0;
  const working: Clock = {
    monotonicMs: () => clock.monotonicMs() + iterator.workMs,
    wallMs: () => clock.wallMs(),
    setTimer: (delayMs, run) => clock.setTimer(delayMs, run),
    defer: (run) => {
      turns++;
      clock.defer(run);
    },
  };
  const result = handleScan(viewOf(fake), working, full, context, output);
  const error = await scheduler.runWhilePending(result).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { chunks, iterator, error, asked: fake.scans, endedMs: scheduler.nowMs, turns };
}

const value = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(9);
const keysOf = (chunks: readonly ScanResponse[]): string[] =>
  chunks.flatMap((chunk) => chunk.kvs.map((kv) => Buffer.from(kv.key).toString()));
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString();

const token = (more: Partial<ScanToken> = {}): ScanToken => ({
  partitionId: 2,
  epochVersion: 1,
  revision: 6,
  start: Buffer.from('c'),
  end: Buffer.from('x'),
  reverse: false,
  ...more,
});

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
    ['a revision at another level', { revision: 5, consistency: 2 as never }],
    ['a level without its argument', { consistency: Consistency.CONSISTENCY_BOUNDED }],
    ['a token that is garbage', { token: Uint8Array.of(1, 2, 3) }],
    [
      'a token of the other direction',
      { token: encodeScanToken(token(), clusterId), reverse: true },
    ],
    ['a token of another cluster', { token: encodeScanToken(token(), new Uint8Array(16)) }],
    [
      'a token of another partition than the named one',
      {
        token: encodeScanToken(token(), clusterId),
        context: { clusterId, partitionId: 3, epochVersion: 0 },
      },
    ],
  ])('refuses %s', async (_what, request) => {
    const { error, chunks } = await scan([], request);
    expect(error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT', outcome: 'NOT_APPLIED' });
    expect(chunks).toEqual([]);
  });
});

describe('the view of a scan', () => {
  const pairs = ['a', 'b', 'c', 'd', 'e'].map((k) => [k, value(400_000)] as const);
  const range = { start: Buffer.from('a'), end: Buffer.from('x') };

  it('is said by the header of each chunk: its revision, not that of the moment', async () => {
    const { chunks } = await scan(pairs);
    expect(chunks.map((chunk) => chunk.header?.revision)).toEqual([6, 6, 6]);
  });

  it('is asked for at the level of the request', async () => {
    const levels = await Promise.all(
      [
        {},
        { consistency: Consistency.CONSISTENCY_LEASE },
        { consistency: Consistency.CONSISTENCY_BOUNDED, maxAgeMs: 70 },
        { revision: 5 },
      ].map(async (request) => (await scan([], request)).asked[0]?.level),
    );
    expect(levels).toEqual([
      { consistency: Consistency.CONSISTENCY_LINEARIZABLE, argument: 0 },
      { consistency: Consistency.CONSISTENCY_LEASE, argument: 0 },
      { consistency: Consistency.CONSISTENCY_BOUNDED, argument: 70 },
      { consistency: Consistency.CONSISTENCY_AT_REVISION, argument: 5 },
    ]);
  });

  it('is waited for as long as the caller is patient, and no longer than 30 s', async () => {
    const wait = async (deadlineMs: number) => (await scan([], {}, { deadlineMs })).asked[0];
    expect((await wait(20_000))?.deadlineMs).toBe(20_000);
    expect((await wait(600_000))?.deadlineMs).toBe(30_000);
  });

  it('is named by a token in every chunk but the last, with what is left', async () => {
    const forward = await scan(pairs, range);
    const tokens = forward.chunks.map((chunk) => chunk.token);
    expect(tokens.pop()).toEqual(new Uint8Array(0));
    const read = tokens.map((one) => decodeScanToken(one, clusterId));
    expect(read.map((t) => [text(t.start), text(t.end), t.revision])).toEqual([
      ['c', 'x', 6],
      ['e', 'x', 6],
    ]);
    const reverse = await scan([...pairs].reverse(), { ...range, reverse: true });
    const back = reverse.chunks.slice(0, -1).map((c) => decodeScanToken(c.token, clusterId));
    expect(back.map((t) => [text(t.start), text(t.end), t.reverse])).toEqual([
      ['a', 'd', true],
      ['a', 'b', true],
    ]);
  });

  it('INVARIANT(scan-one-view): is the one that a token names, whatever else the request says', async () => {
    const more = { limit: 3, reverse: true, keysOnly: true };
    const request = { ...range, ...more, consistency: Consistency.CONSISTENCY_EVENTUAL };
    const made = encodeScanToken(token({ reverse: true }), clusterId);
    const context = { clusterId, partitionId: 2, epochVersion: 77 };
    const { asked, chunks } = await scan([...pairs].reverse(), {
      ...request,
      context,
      token: made,
    });
    expect(asked).toMatchObject([
      {
        level: { consistency: Consistency.CONSISTENCY_AT_REVISION, argument: 6 },
        reverse: true,
        keysOnly: true,
      },
    ]);
    expect([text(asked[0]?.start), text(asked[0]?.end)]).toEqual(['c', 'x']);
    expect(keysOf(chunks)).toEqual(['e', 'd', 'c']);
    const other = encodeScanToken(token({ revision: 5 }), clusterId);
    expect((await scan([], { token: other })).error).toMatchObject({ code: 'DOUG_INTERNAL' });
  });
});

describe('a scan over many deleted keys', () => {
  const pairs = ['a', 'b'].map((k) => [k, value(1)] as const);

  it.each([false, true])('gives others their turn (counting: %s)', async (countOnly) => {
    // 60 ms before each pair and before the end, in slices of 4 ms.
    const { error, chunks, turns } = await scan(pairs, { countOnly }, { gone: 60_000 });
    expect(error).toBeNull();
    expect(chunks.at(-1)?.count).toBe(countOnly ? 2 : 0);
    expect(keysOf(chunks)).toEqual(countOnly ? [] : ['a', 'b']);
    expect(turns).toBeGreaterThanOrEqual(3 * 10);
  });

  it('ends with DEADLINE when the time is up before it has found one', async () => {
    const { error, iterator, chunks } = await scan(pairs, {}, { gone: 10_000_000 });
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE' });
    expect([iterator.closed, chunks.length]).toEqual([1, 0]);
    expect(iterator.workMs).toBeLessThan(1100);
  });
});

describe('a scan that only counts', () => {
  const pairs = Array.from({ length: 1000 }, (_, i) => [`k${i}`, value(5_000)] as const);

  it('answers one chunk with the number and no pair', async () => {
    const { chunks, asked } = await scan(pairs, { countOnly: true });
    expect(chunks.map((c) => [c.count, c.kvs.length, c.token.length])).toEqual([[1000, 0, 0]]);
    expect(asked[0]?.keysOnly).toBe(true);
    expect((await scan([], { countOnly: true })).chunks[0]?.count).toBe(0);
  });

  it('ends at its limit, and counts what is left by a token', async () => {
    expect((await scan(pairs, { countOnly: true, limit: 64 })).chunks[0]?.count).toBe(64);
    const made = encodeScanToken(token(), clusterId);
    const { chunks } = await scan(pairs, { token: made, countOnly: true, limit: 70 });
    expect(chunks[0]?.count).toBe(70);
  });

  it('gives others their turn, and ends when its time is up', async () => {
    const { error, iterator } = await scan(pairs, { countOnly: true }, { deadlineMs: 0 });
    expect([error, iterator.closed]).toEqual([
      expect.objectContaining({ code: 'DOUG_DEADLINE' }),
      1,
    ]);
  });
});

describe('a reader that does not read', () => {
  const pairs = ['a', 'b', 'c'].map((k) => [k, value(900_000)] as const);
  const patient = { deadlineMs: 600_000 };

  it('is cut after 30 s with LAGGING, and holds no iterator any more', async () => {
    const never = (): Promise<void> => new Promise(() => undefined);
    const { error, iterator, endedMs, chunks } = await scan(
      pairs,
      {},
      { ...patient, onSend: never },
    );
    expect(error).toMatchObject({ code: 'DOUG_LAGGING', outcome: 'NOT_APPLIED' });
    expect([iterator.closed, chunks.length, endedMs]).toEqual([1, 1, 30_000]);
  });

  it('is not cut for reading slowly', async () => {
    const { error, chunks } = await scan(
      pairs,
      {},
      {
        ...patient,
        onSend: (clock) => new Promise((resolve) => void clock.setTimer(29_000, resolve)),
      },
    );
    expect([error, chunks.length]).toEqual([null, 3]);
  });

  it('that fails ends its scan with its own error', async () => {
    const gone = new Error('gone');
    const { error, iterator } = await scan(pairs, {}, { onSend: () => Promise.reject(gone) });
    expect([error, iterator.closed]).toEqual([gone, 1]);
  });
});
