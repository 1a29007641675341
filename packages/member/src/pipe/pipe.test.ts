import { type SimClock, SimScheduler } from '@dougdb/ports/sim';
import type { ReadMark } from '@dougdb/replica';
import {
  Code,
  Consistency,
  DougError,
  EVENTUAL,
  encodePut,
  LINEARIZABLE,
  type LookedWrite,
  limits,
  PipeRequestWriter,
  PipeResponse,
  type PipeResult,
} from '@dougdb/rpc-proto';
import { clusterId } from '../../test/fake-membership.js';
import { FakeReplica, linearizable, viewOf } from '../../test/fake-replica.js';
import { Admission } from '../handlers/admission.js';
import type { ClusterView } from '../handlers/cluster-view.js';
import { Pipe } from './pipe.js';

const key = Uint8Array.of(1);
const put = encodePut(null, key, Uint8Array.of(2));

interface Bench {
  readonly scheduler: SimScheduler;
  readonly clock: SimClock;
  readonly replica: FakeReplica;
  readonly admission: Admission;
  readonly pipe: Pipe;
  readonly sent: PipeResponse[];
  readonly failures: DougError[];
  drained: number;
  closed: number;
  queuedBytes: number;
}

function bench(view?: () => ClusterView): Bench {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const replica = new FakeReplica();
  const admission = new Admission(limits);
  const sent: PipeResponse[] = [];
  const failures: DougError[] = [];
  const known = viewOf(replica);
  const b: { -readonly [K in keyof Bench]: Bench[K] } = {
    scheduler,
    clock,
    replica,
    admission,
    sent,
    failures,
    drained: 0,
    closed: 0,
    queuedBytes: 0,
    pipe: null as unknown as Pipe,
  };
  b.pipe = new Pipe(
    {
      clock,
      admission,
      view: view ?? (() => known),
      onClosed: () => {
        b.closed++;
      },
    },
    {
      send: (bytes) => sent.push(PipeResponse.decode(bytes)),
      drained: () => {
        b.drained++;
      },
      fail: (error) => failures.push(error as DougError),
      get queuedBytes() {
        return b.queuedBytes;
      },
    },
  );
  return b;
}

function request(build: (writer: PipeRequestWriter) => void, firstId = 1, cluster = clusterId) {
  const writer = new PipeRequestWriter();
  writer.begin(firstId, cluster);
  build(writer);
  return writer.finish();
}

const results = (b: Bench): PipeResult[] => b.sent.flatMap((response) => response.results);
const as = (served: Consistency, ageMs = 0): ReadMark => ({ served, ageMs });
const codesOf = (b: Bench): number[] =>
  results(b).map(({ result }) => (result?.$case === 'error' ? result.value.code : 0));

describe('pipe', () => {
  it('hands the items of a message to the replica and answers a turn with one message', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => {
        w.addCommand(100, 0, 0, false, put);
        w.addGet(0, 2, 0, false, Consistency.CONSISTENCY_EVENTUAL, key);
        w.addGet(0, 0, 0, false, Consistency.CONSISTENCY_UNSPECIFIED, key);
        w.addGet(0, 0, 0, false, Consistency.CONSISTENCY_BOUNDED, key, 0, key.length, 900);
        w.addGet(0, 0, 0, false, Consistency.CONSISTENCY_AT_REVISION, key, 0, key.length, 5);
      }, 40),
    );
    const { asked } = b.replica;
    expect(asked.map((a) => [a.kind, a.id, a.level, a.deadlineMs])).toEqual([
      ['write', 40, null, 100],
      ['get', 41, EVENTUAL, 30_000],
      ['get', 42, LINEARIZABLE, 30_000],
      ['get', 43, { consistency: Consistency.CONSISTENCY_BOUNDED, argument: 900 }, 30_000],
      ['get', 44, { consistency: Consistency.CONSISTENCY_AT_REVISION, argument: 5 }, 30_000],
    ]);
    expect(asked[0]?.bytes).toEqual(put);
    expect(b.pipe.openItems).toBe(5);
    asked[0]?.sink.written(40, 8);
    asked[1]?.sink.found(41, Uint8Array.of(5), 6, 0, as(Consistency.CONSISTENCY_EVENTUAL));
    asked[2]?.sink.absent(42, linearizable);
    asked[3]?.sink.absent(43, as(Consistency.CONSISTENCY_BOUNDED, 12.5));
    asked[4]?.sink.absent(44, as(Consistency.CONSISTENCY_AT_REVISION));
    expect(b.sent).toEqual([]);
    await b.scheduler.advance(0);
    expect(b.sent.length).toBe(1);
    const [response] = b.sent;
    expect(response?.results.map((r) => [r.id, r.header, r.result?.$case])).toEqual([
      [40, 0, 'write'],
      [41, 1, 'get'],
      [42, 0, 'get'],
      [43, 2, 'get'],
      [44, 3, 'get'],
    ]);
    expect(response?.headers.map((h) => [h.partitionId, h.served, h.ageMs, h.revision])).toEqual([
      [2, Consistency.CONSISTENCY_LINEARIZABLE, 0, 7],
      [2, Consistency.CONSISTENCY_EVENTUAL, 2, 7],
      [2, Consistency.CONSISTENCY_BOUNDED, 13, 7],
      [2, Consistency.CONSISTENCY_AT_REVISION, 0, 7],
    ]);
    expect([b.pipe.openItems, b.admission.ops, b.admission.sizeBytes]).toEqual([0, 0, 0]);
  });

  it('makes a new header for each turn', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => [w.addCommand(0, 0, 0, false, put), w.addCommand(0, 0, 0, false, put)]),
    );
    b.replica.asked[0]?.sink.written(1, 8);
    await b.scheduler.advance(0);
    b.replica.revision = 9;
    b.replica.asked[1]?.sink.written(2, 9);
    await b.scheduler.advance(0);
    expect(b.sent.map((r) => r.headers[0]?.revision)).toEqual([7, 9]);
  });

  it('answers writes that looked with what they found, in the rows of writes', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => {
        for (let at = 0; at < 5; at++) w.addCommand(0, 0, 0, false, put);
      }),
    );
    const nothing = { compareFailed: false, previousRevision: 0, previousValue: null };
    const writes: LookedWrite[] = [
      { ...nothing, revision: 8 },
      { ...nothing, revision: 8, compareFailed: true, previousRevision: 5 },
      { revision: 9, compareFailed: false, previousRevision: 5, previousValue: Uint8Array.of(4) },
      { ...nothing, revision: 9, compareFailed: true, resultNotKept: true },
      { ...nothing, revision: 9, compareFailed: true, result: Uint8Array.of(1, 2) },
    ];
    for (const [at, write] of writes.entries()) b.replica.asked[at]?.sink.looked(at + 1, write);
    await b.scheduler.advance(0);
    expect(b.sent.length).toBe(1);
    const rows = results(b).map(({ id, result }) => ({
      id,
      ...(result?.$case === 'write' ? result.value : {}),
    }));
    const empty = { resultNotKept: false, previousValue: new Uint8Array(0) };
    expect(rows).toMatchObject([
      { ...empty, id: 1, revision: 8, compareFailed: false, previousRevision: 0 },
      { ...empty, id: 2, revision: 8, compareFailed: true, previousRevision: 5 },
      {
        ...empty,
        id: 3,
        revision: 9,
        compareFailed: false,
        previousRevision: 5,
        previousValue: Uint8Array.of(4),
      },
      {
        ...empty,
        id: 4,
        revision: 9,
        compareFailed: true,
        previousRevision: 0,
        resultNotKept: true,
      },
      { ...empty, id: 5, revision: 9, compareFailed: true, result: Uint8Array.of(1, 2) },
    ]);
    expect([b.pipe.openItems, b.admission.ops]).toEqual([0, 0]);
  });

  it.each([
    ['the value', { previousValue: new Uint8Array(100) }],
    ['its result', { previousValue: null, result: new Uint8Array(100) }],
  ])(
    'answers a write that looked without %s where nobody reads the answers: it took effect',
    async (_what, found) => {
      const b = bench();
      b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put)));
      b.queuedBytes = limits.answerQueueBytes;
      b.replica.asked[0]?.sink.looked(1, {
        revision: 9,
        compareFailed: true,
        previousRevision: 5,
        ...found,
      });
      await b.scheduler.advance(0);
      const row = results(b)[0]?.result;
      expect(row?.$case === 'write' && row.value).toMatchObject({
        revision: 9,
        compareFailed: true,
        resultNotKept: true,
        previousRevision: 0,
        previousValue: new Uint8Array(0),
        result: new Uint8Array(0),
      });
    },
  );

  it('answers an error with the addresses of the partition’s nodes', async () => {
    const b = bench();
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put)));
    const error = new DougError('NOT_LEADER', 'no', { route: b.replica.routeHint() });
    b.replica.asked[0]?.sink.failed(1, error);
    await b.scheduler.advance(0);
    const [row] = results(b);
    const route = row?.result?.$case === 'error' ? row.result.value.route : undefined;
    expect(route?.nodes.map((n) => n.address)).toEqual(['h:1', 'h:2', 'h:3']);
    expect(route?.leaderNodeId).toBe(2);
  });

  it('refuses items one by one: another cluster, another partition, bad ones; the pipe lives', async () => {
    const b = bench();
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put), 1, new Uint8Array(16)));
    b.pipe.received(request((w) => w.addCommand(0, 9, 0, false, put), 2));
    b.pipe.received(
      request(
        (w) => w.addGet(0, 0, 0, false, Consistency.CONSISTENCY_UNSPECIFIED, new Uint8Array(0)),
        3,
      ),
    );
    await b.scheduler.advance(0);
    expect(codesOf(b)).toEqual([
      Code.CODE_CLUSTER_MISMATCH,
      Code.CODE_EPOCH_MISMATCH,
      Code.CODE_INVALID_ARGUMENT,
    ]);
    expect(b.replica.asked).toEqual([]);
    expect(b.failures).toEqual([]);
    expect(b.admission.ops).toBe(0);
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put), 4));
    expect(b.replica.asked.length).toBe(1);
  });

  it('is answered only when its answers were sent: a caller that has ended waits for them', async () => {
    const b = bench();
    expect(b.pipe.isAnswered).toBe(true);
    b.pipe.received(request((w) => w.addCommand(0, 9, 0, false, put)));
    expect([b.pipe.openItems, b.pipe.isAnswered]).toEqual([0, false]);
    await b.scheduler.advance(0);
    expect([b.sent.length, b.pipe.isAnswered]).toEqual([1, true]);
  });

  it('answers STARTING and DRAINING for each item', async () => {
    let error = new DougError('STARTING', 'not yet');
    const b = bench(() => {
      throw error;
    });
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put)));
    error = new DougError('DRAINING', 'no more');
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put), 2));
    await b.scheduler.advance(0);
    expect(codesOf(b)).toEqual([Code.CODE_STARTING, Code.CODE_DRAINING]);
  });

  it.each([
    ['garbage', Uint8Array.of(255, 255), 'INVALID_ARGUMENT'],
    ['a message over the limit', new Uint8Array(limits.requestBytes + 1), 'TOO_LARGE'],
  ])('ends with an error at %s, after what was answered before', async (_what, bytes, reason) => {
    const b = bench();
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put)));
    b.replica.asked[0]?.sink.written(1, 8);
    b.pipe.received(bytes);
    expect(results(b).length).toBe(1);
    expect(b.failures.map((error) => error.reason)).toEqual([reason]);
    expect(b.closed).toBe(1);
    b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, put), 2));
    expect(b.replica.asked.length).toBe(1);
  });

  it('answers BUSY beyond the window and tells when there is room again', async () => {
    const b = bench();
    const window = limits.pipeWindowItems;
    const fill = (count: number, firstId: number): void =>
      b.pipe.received(
        request((w) => {
          for (let at = 0; at < count; at++) w.addCommand(0, 0, 0, false, put);
        }, firstId),
      );
    fill(window, 1);
    fill(2, window + 1);
    await b.scheduler.advance(0);
    expect(codesOf(b)).toEqual([Code.CODE_BUSY, Code.CODE_BUSY]);
    const busy = results(b)[0]?.result;
    expect(busy?.$case === 'error' && busy.value.retryAfterMs).toBeGreaterThan(0);
    expect(b.pipe.openItems).toBe(window);
    for (let at = 0; at < window / 4; at++) b.replica.asked[at]?.sink.written(at + 1, 8);
    expect(b.drained).toBe(0);
    b.replica.asked[window / 4]?.sink.written(window / 4 + 1, 8);
    expect(b.drained).toBe(1);
  });

  it('answers BUSY beyond its bytes, and gives all of them back', async () => {
    const b = bench();
    const big = encodePut(null, key, new Uint8Array(1 << 20));
    for (let at = 0; at < 10; at++) {
      b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, big), at + 1));
    }
    await b.scheduler.advance(0);
    expect(codesOf(b).filter((code) => code === Code.CODE_BUSY).length).toBe(3);
    expect(b.admission.sizeBytes).toBe(7 * big.length);
    for (const { sink, id } of b.replica.asked) sink.written(id, 8);
    expect([b.admission.ops, b.admission.sizeBytes, b.pipe.openItems]).toEqual([0, 0, 0]);
  });

  it('refuses the rest of a message after an item found no room, INVARIANT(call-order)', async () => {
    const b = bench();
    const big = encodePut(null, key, new Uint8Array(1 << 20));
    for (let at = 0; at < 7; at++) {
      b.pipe.received(request((w) => w.addCommand(0, 0, 0, false, big), at + 1));
    }
    b.pipe.received(
      request((w) => {
        w.addCommand(0, 0, 0, false, big);
        w.addCommand(0, 0, 0, false, put);
      }, 8),
    );
    await b.scheduler.advance(0);
    expect(codesOf(b)).toEqual([Code.CODE_BUSY, Code.CODE_BUSY]);
    expect(b.replica.asked.length).toBe(7);
  });

  it('does not fill the memory with answers that nobody reads', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => w.addGet(0, 0, 0, false, Consistency.CONSISTENCY_UNSPECIFIED, key)),
    );
    b.queuedBytes = limits.answerQueueBytes;
    b.replica.asked[0]?.sink.found(1, new Uint8Array(100), 5, 0, linearizable);
    await b.scheduler.advance(0);
    expect(codesOf(b)).toEqual([Code.CODE_BUSY]);
  });

  it('sends more than one message when answers do not fit into one', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => {
        for (let at = 0; at < 6; at++) {
          w.addGet(0, 0, 0, false, Consistency.CONSISTENCY_UNSPECIFIED, key);
        }
      }),
    );
    for (const { sink, id } of b.replica.asked)
      sink.found(id, new Uint8Array(1 << 20), 5, 0, linearizable);
    await b.scheduler.advance(0);
    expect(b.sent.map((r) => r.results.length)).toEqual([3, 3]);
    expect(b.sent.map((r) => r.headers.length)).toEqual([1, 1]);
  });

  it('does so for the values that writes found, too', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => {
        for (let at = 0; at < 6; at++) w.addCommand(0, 0, 0, false, put);
      }),
    );
    const write = { revision: 5, compareFailed: false, previousRevision: 4 };
    for (const { sink, id } of b.replica.asked) {
      sink.looked(id, { ...write, previousValue: new Uint8Array(1 << 20) });
    }
    await b.scheduler.advance(0);
    expect(b.sent.map((r) => r.results.length)).toEqual([3, 3]);
    expect(results(b).every(({ result }) => result?.$case === 'write')).toBe(true);
  });

  it('says nothing more to a client that is gone, and gives back what its items held', async () => {
    const b = bench();
    b.pipe.received(
      request((w) => [w.addCommand(0, 0, 0, false, put), w.addCommand(0, 0, 0, false, put)]),
    );
    b.pipe.closed();
    b.replica.asked[0]?.sink.written(1, 8);
    b.replica.asked[1]?.sink.failed(2, new DougError('IN_DOUBT', 'who knows'));
    await b.scheduler.advance(0);
    expect(b.sent).toEqual([]);
    expect([b.admission.ops, b.admission.sizeBytes]).toEqual([0, 0]);
    expect(b.closed).toBe(1);
  });

  it('takes no more than the server’s limit for patience', () => {
    const b = bench();
    b.pipe.received(request((w) => w.addCommand(365 * 86_400_000, 0, 0, false, put)));
    expect(b.replica.asked[0]?.deadlineMs).toBe(30_000);
  });
});
