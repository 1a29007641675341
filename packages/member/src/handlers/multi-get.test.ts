import type { ReadMark, Replica } from '@dougdb/replica';
import {
  Consistency,
  DougError,
  LINEARIZABLE,
  limits,
  MultiGetRequest,
  MultiGetResponse,
} from '@dougdb/rpc-proto';
import { clusterId } from '../../test/fake-membership.js';
import { type Asked, FakeReplica, linearizable, viewOf } from '../../test/fake-replica.js';
import { handleMultiGet } from './multi-get.js';

const eventual: ReadMark = { served: Consistency.CONSISTENCY_EVENTUAL, ageMs: 0 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** A node with two partitions: keys below m, and the rest. */
class Bench {
  readonly low = new FakeReplica();
  readonly high = Object.assign(new FakeReplica(), { partitionId: 3, revision: 9 });
  readonly view = viewOf(this.low);

  constructor() {
    jest.spyOn(this.view, 'partition').mockImplementation((partitionId, key) => {
      if (partitionId > 3) throw new DougError('EPOCH_MISMATCH', 'not here');
      const isLow = partitionId === 0 ? text(key) < 'm' : partitionId === 2;
      return (isLow ? this.low : this.high) as unknown as Replica;
    });
  }

  ask(keys: readonly string[], more: Partial<MultiGetRequest> = {}): Promise<MultiGetResponse> {
    const request = MultiGetRequest.encode(
      MultiGetRequest.fromPartial({ keys: keys.map(bytes), ...more }),
    ).finish();
    return this.send(request);
  }

  async send(request: Uint8Array): Promise<MultiGetResponse> {
    return MultiGetResponse.decode(await handleMultiGet(this.view, request, { deadlineMs: 77 }));
  }

  get asked(): Asked[] {
    return [...this.low.asked, ...this.high.asked];
  }
}

/** What a call ends with: its error as 'CODE OUTCOME'. */
function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'answered',
    (error: unknown) =>
      DougError.is(error) ? `${error.reason} ${error.outcome}` : `threw ${String(error)}`,
  );
}

describe('multiGet', () => {
  it('reads each key from its replica and answers in the order of the keys, with a header each', async () => {
    const bench = new Bench();
    const call = bench.ask(['z', 'a', 'n', 'b', 'a'], {
      consistency: Consistency.CONSISTENCY_EVENTUAL,
    });
    expect(
      bench.low.asked.map((a) => [text(a.bytes), a.id, a.deadlineMs, a.level?.consistency]),
    ).toEqual([
      ['a', 1, 77, Consistency.CONSISTENCY_EVENTUAL],
      ['b', 3, 77, Consistency.CONSISTENCY_EVENTUAL],
      ['a', 4, 77, Consistency.CONSISTENCY_EVENTUAL],
    ]);
    expect(bench.high.asked.map((a) => text(a.bytes))).toEqual(['z', 'n']);
    // One sink a replica: its reads are one run, and share one round.
    expect(new Set(bench.low.asked.map((a) => a.sink)).size).toBe(1);
    for (const { sink, id, bytes: key } of bench.asked.reverse()) {
      if (text(key) === 'b') sink.absent(id, eventual);
      else sink.found(id, bytes(`value of ${text(key)}`), 5, 0, eventual);
    }
    const { headers, results } = await call;
    expect(headers.map((h) => [h.partitionId, h.revision, h.served])).toEqual([
      [3, 9, Consistency.CONSISTENCY_EVENTUAL],
      [2, 7, Consistency.CONSISTENCY_EVENTUAL],
    ]);
    expect(results.map((r) => [r.header, r.found, text(r.value), r.revision])).toEqual([
      [0, true, 'value of z', 5],
      [1, true, 'value of a', 5],
      [0, true, 'value of n', 5],
      [1, false, '', 0],
      [1, true, 'value of a', 5],
    ]);
  });

  it('reads linearizably when nothing is said, in the partition that is named', async () => {
    const bench = new Bench();
    const context = { clusterId, partitionId: 2, epochVersion: 4 };
    const call = bench.ask(['z'], { context });
    expect(bench.low.asked.map((a) => [a.level, a.epoch])).toEqual([[LINEARIZABLE, 4]]);
    bench.low.asked[0]?.sink.absent(0, linearizable);
    expect((await call).headers[0]?.served).toBe(Consistency.CONSISTENCY_LINEARIZABLE);
  });

  it('fails whole with the first error, hint and all, and drops what comes after', async () => {
    const bench = new Bench();
    const call = bench.ask(['a', 'b', 'n']);
    const error = new DougError('NO_LEADER', 'nobody', { route: bench.low.routeHint() });
    bench.low.asked[0]?.sink.found(0, bytes('v'), 5, 0, linearizable);
    bench.low.asked[1]?.sink.failed(1, error);
    bench.high.asked[0]?.sink.failed(2, new DougError('CORRUPT', 'later'));
    await expect(call).rejects.toBe(error);
  });

  it.each<[string, Partial<MultiGetRequest>, string]>([
    ['no keys', { keys: [] }, 'INVALID_ARGUMENT NOT_APPLIED'],
    [
      'too many keys',
      { keys: Array.from({ length: limits.commandKeys + 1 }, () => bytes('k')) },
      'INVALID_ARGUMENT NOT_APPLIED',
    ],
    ['an empty key', { keys: [bytes('a'), bytes('')] }, 'INVALID_ARGUMENT NOT_APPLIED'],
    ['a key over the limit', { keys: [new Uint8Array(8193)] }, 'INVALID_ARGUMENT NOT_APPLIED'],
    ['an unknown consistency', { consistency: 9 as Consistency }, 'INVALID_ARGUMENT NOT_APPLIED'],
    [
      'another cluster',
      { context: { clusterId: new Uint8Array(16), partitionId: 0, epochVersion: 0 } },
      'CLUSTER_MISMATCH NOT_APPLIED',
    ],
    [
      'a partition that is not here',
      { context: { clusterId, partitionId: 9, epochVersion: 0 } },
      'EPOCH_MISMATCH NOT_APPLIED',
    ],
  ])('refuses %s before it reads anything', async (_what, more, outcome) => {
    const bench = new Bench();
    expect(await outcomeOf(bench.ask(['a', 'n'], more))).toBe(outcome);
    expect(bench.asked).toEqual([]);
  });

  it('refuses garbage', async () => {
    const bench = new Bench();
    expect(await outcomeOf(bench.send(Uint8Array.of(255, 255)))).toBe(
      'INVALID_ARGUMENT NOT_APPLIED',
    );
    expect(await outcomeOf(bench.send(new Uint8Array(limits.requestBytes + 1)))).toBe(
      'TOO_LARGE NOT_APPLIED',
    );
  });

  it('takes as many keys as a command may touch', async () => {
    const bench = new Bench();
    const call = bench.ask(Array.from({ length: limits.commandKeys }, () => 'k'));
    for (const { sink, id } of bench.low.asked) sink.absent(id, linearizable);
    expect((await call).results).toHaveLength(limits.commandKeys);
  });

  it('answers TOO_LARGE when the values do not fit into an answer, at once and not after all were read', async () => {
    const bench = new Bench();
    const call = outcomeOf(bench.ask(Array.from({ length: 6 }, () => 'k')));
    for (const { sink, id } of bench.low.asked.slice(0, 5))
      sink.found(id, new Uint8Array(1 << 20), 5, 0, linearizable);
    expect(await call).toBe('TOO_LARGE NOT_APPLIED');
    bench.low.asked[5]?.sink.found(5, new Uint8Array(1 << 20), 5, 0, linearizable);
  });

  it('answers TOO_LARGE when values fit and the rest of the answer does not', async () => {
    const answer = async (spareBytes: number): Promise<string> => {
      const bench = new Bench();
      const call = outcomeOf(bench.ask(Array.from({ length: 4 }, () => 'k')));
      const sizes = [0, 0, 0, spareBytes].map((spare) => (1 << 20) - spare);
      for (const { sink, id } of bench.low.asked) {
        sink.found(id, new Uint8Array(sizes[id] as number), 5, 0, linearizable);
      }
      return call;
    };
    expect(await answer(0)).toBe('TOO_LARGE NOT_APPLIED');
    expect(await answer(200)).toBe('answered');
  });

  it('is an internal error when a replica answers a read as a write', async () => {
    for (const told of ['written', 'looked'] as const) {
      const bench = new Bench();
      const call = outcomeOf(bench.ask(['a']));
      const sink = bench.low.asked[0]?.sink;
      if (told === 'written') sink?.written(0, 5);
      else {
        const write = { revision: 5, compareFailed: false, previousRevision: 0 };
        sink?.looked(0, { ...write, previousValue: null });
      }
      expect(await call).toBe('INTERNAL NOT_APPLIED');
    }
  });
});
