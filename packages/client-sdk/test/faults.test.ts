import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DescribeResponse, DougError, EndpointKind } from '@dougdb/rpc-proto';
import { type ClientTransport, createClient } from '../src/core.js';
import { FakeCluster, type FakeItem, type FakeVerdict } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

/** Judges the first items as listed and serves the rest; keeps what arrived. */
function script(...verdicts: FakeVerdict[]) {
  const items: FakeItem[] = [];
  const judge = (item: FakeItem): FakeVerdict => {
    items.push(item);
    return verdicts[items.length - 1] ?? 'serve';
  };
  return { items, judge };
}

describe('a write that meets trouble', () => {
  it('goes to the leader that a refusal names, at once', async () => {
    const { cluster, db, run, nowMs } = await simClient();
    const { items, judge } = script();
    cluster.judge = judge;
    await run(db.put('k', '1'));
    cluster.lead(3);
    const began = nowMs();
    await run(db.put('k', '2'));
    expect(items.map(({ node }) => node)).toEqual([1, 1, 3]);
    // Two round trips and a connection, no pause.
    expect(nowMs() - began).toBeLessThan(6);
    expect(items[2]?.resend).toBe(false);
    expect(db.counters.retries).toBe(1);
  });

  it('pauses when refusals lead in circles', async () => {
    const { cluster, db, fails } = await simClient();
    const { items, judge } = script();
    cluster.judge = (item) => {
      judge(item);
      return { refuse: 'NOT_LEADER' };
    };
    expect(await fails(db.put('k', 'v', { timeoutMs: 3000 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
    });
    expect(items.length).toBeLessThan(60);
    expect(items.length).toBeGreaterThan(5);
  });

  it('follows a split, with the session of the parent', async () => {
    const { cluster, db, run } = await simClient();
    await run(db.put('a', '1'));
    cluster.split('m');
    cluster.lead(2, 'z');
    const both = [db.put('a', '2'), db.put('z', '2')];
    expect(await run(Promise.all(both))).toEqual([{ revision: 2 }, { revision: 2 }]);
    expect((await run(db.get('z')))?.value).toBe('2');
    const sessions = new Set(cluster.applied.map(({ session }) => session));
    expect(sessions.size).toBe(1);
    await run(db.put('z', '3'));
    expect(new Set(cluster.applied.map(({ session }) => session)).size).toBe(2);
  });

  it('waits for a leader', async () => {
    const { cluster, db, run, scheduler, nowMs } = await simClient();
    cluster.lead(0);
    const began = nowMs();
    scheduler.schedule(800, () => cluster.lead(2));
    await run(db.put('k', 'v'));
    expect(nowMs() - began).toBeGreaterThan(799);
    expect(nowMs() - began).toBeLessThan(2500);
    // While there is no leader, operations are not thrown at nodes: they are asked.
    expect(cluster.arrived).toBeLessThan(4);
  });

  it('waits as long as a busy node asks for', async () => {
    const { cluster, db, run, nowMs } = await simClient();
    cluster.judge = script({ refuse: 'BUSY', retryAfterMs: 300 }).judge;
    const began = nowMs();
    await run(db.put('k', 'v'));
    expect(nowMs() - began).toBeGreaterThan(300);
    expect(nowMs() - began).toBeLessThan(340);
  });

  it.each([
    ['took effect, the answer was lost', 'serve-and-break', true],
    ['was lost with its stream', 'break', true],
    ['is in doubt and had no effect', 'doubt', true],
    ['is in doubt and takes effect later', 'doubt-and-serve-later', true],
    ['is delivered twice', 'serve-twice', false],
  ] as const)('takes effect once when it %s (applied-once)', async (_, verdict, isResent) => {
    const { cluster, db, run, scheduler } = await simClient();
    const { items, judge } = script(verdict);
    cluster.judge = judge;
    const { revision } = await run(db.put('k', 'v'));
    await scheduler.advance(2000);
    expect(cluster.applied).toHaveLength(1);
    expect(cluster.applied[0]?.revision).toBe(revision);
    expect(items.map(({ resend }) => resend)).toEqual(isResent ? [false, true] : [false]);
  });

  it('survives the death of the leader', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    await run(db.put('k', '1'));
    cluster.judge = ({ node }) => (node === 1 ? 'swallow' : 'serve');
    const calls = Array.from({ length: 50 }, (_, i) => db.put(`k${i}`, 'v'));
    await scheduler.advance(5);
    cluster.kill(1);
    scheduler.schedule(300, () => cluster.lead(3));
    await run(Promise.all(calls));
    expect(cluster.applied).toHaveLength(51);
  });

  it('leaves a leader that stands still for the one that others name', async () => {
    const { cluster, db, run, scheduler, nowMs } = await simClient();
    await run(db.put('k', '1'));
    cluster.freeze(1);
    scheduler.schedule(300, () => cluster.lead(2));
    const began = nowMs();
    const calls = [db.put('k', '2'), db.get('other'), db.get('x', { consistency: 'eventual' })];
    await run(Promise.all(calls));
    expect(nowMs() - began).toBeLessThan(2500);
    expect(cluster.applied).toHaveLength(2);
  });

  it('stays with a leader that is merely slow', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    await run(db.put('k', '1'));
    const { items, judge } = script('swallow');
    cluster.judge = judge;
    const put = db.put('k', '2');
    put.catch(() => undefined);
    await scheduler.advance(4000);
    expect(items).toHaveLength(1);
    expect(cluster.openPipes).toBe(1);
    await db.close();
    await expect(put).rejects.toMatchObject({ code: 'DOUG_CLOSED' });
    await run(Promise.resolve());
  });

  it('is refused for good by what a retry cannot mend', async () => {
    for (const refuse of ['INVALID_ARGUMENT', 'CLUSTER_MISMATCH', 'PERMISSION_DENIED'] as const) {
      const { cluster, db, fails } = await simClient();
      cluster.judge = script({ refuse }).judge;
      expect(await fails(db.put('k', 'v'))).toMatchObject({
        code: `DOUG_${refuse}`,
        outcome: 'NOT_APPLIED',
      });
      expect(cluster.arrived).toBe(1);
    }
  });

  it('is UNKNOWN when a later attempt is refused for good, INVARIANT(outcome-of-all-attempts)', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = script('doubt', { refuse: 'INVALID_ARGUMENT' }).judge;
    const error = await fails(db.put('k', 'v'));
    expect(error).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
    expect(error.cause).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
  });

  it('that a node answers with nonsense is UNKNOWN', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = script({ refuse: 'INTERNAL' }).judge;
    expect(await fails(db.put('k', 'v'))).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'UNKNOWN',
    });
    cluster.judge = script({ refuse: 'INTERNAL' }).judge;
    expect(await fails(db.get('k'))).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'NOT_APPLIED',
    });
  });
});

describe('the end of a call', () => {
  it('is DEADLINE when it was never sent, INVARIANT(outcome-of-all-attempts)', async () => {
    const { cluster, db, fails, nowMs } = await simClient();
    cluster.lead(0);
    const began = nowMs();
    const error = await fails(db.put('k', 'v', { timeoutMs: 700 }));
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    expect(nowMs() - began).toBeCloseTo(700, 0);
    expect(cluster.applied).toHaveLength(0);
  });

  it('is DEADLINE when every attempt was refused, INVARIANT(outcome-of-all-attempts)', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = () => ({ refuse: 'BUSY' });
    const error = await fails(db.put('k', 'v', { timeoutMs: 700 }));
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    expect(error.message).toMatch(/the put was not served within 700 ms.*DOUG_BUSY/);
    expect(error.cause).toMatchObject({ code: 'DOUG_BUSY' });
  });

  it('is not the end of the time that a node gives an item', async () => {
    const { cluster, db, run, fails } = await simClient();
    const { items, judge } = script({ refuse: 'DEADLINE' }, { refuse: 'DEADLINE' });
    cluster.judge = judge;
    await run(db.put('k', 'v', { timeoutMs: 60_000 }));
    expect(items).toHaveLength(3);
    cluster.judge = script({ refuse: 'DEADLINE' }, { refuse: 'DEADLINE' }).judge;
    expect((await run(db.get('k')))?.value).toBe('v');
    cluster.judge = () => ({ refuse: 'DEADLINE' });
    expect(await fails(db.put('k', 'w', { timeoutMs: 500 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
    });
    expect(cluster.applied).toHaveLength(1);
  });

  it('is what the node says of a write that has less time than items get, INVARIANT(call-order)', async () => {
    const { cluster, db, run } = await simClient();
    await run(db.put('k', 'u'));
    cluster.judge = script({ refuse: 'DEADLINE' }).judge;
    // In one message. By the clock of the node the time of the first one is up, by ours it is not: this
    // process stood still for a while.
    const short = db.put('k', 'v', { timeoutMs: 300 });
    const long = db.put('k', 'w', { timeoutMs: 5_000 });
    const [first, second] = await run(Promise.allSettled([short, long]));
    expect(first).toMatchObject({ reason: { code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' } });
    expect(second).toMatchObject({ value: { revision: 2 } });
    expect((await run(db.get('k')))?.value).toBe('w');
  });

  it('is IN_DOUBT when it is under way, INVARIANT(outcome-of-all-attempts)', async () => {
    const { cluster, db, fails, scheduler } = await simClient();
    cluster.judge = () => 'swallow';
    expect(await fails(db.put('k', 'v', { timeoutMs: 700 }))).toMatchObject({
      code: 'DOUG_IN_DOUBT',
      outcome: 'UNKNOWN',
    });
    await scheduler.advance(10);
    expect(cluster.cancelled).toBe(1);
  });

  it('is IN_DOUBT when one of many attempts was, INVARIANT(outcome-of-all-attempts)', async () => {
    const { cluster, db, fails } = await simClient();
    const { judge } = script('doubt');
    cluster.judge = (item) => (judge(item) === 'doubt' ? 'doubt' : { refuse: 'BUSY' });
    expect(await fails(db.delete('k', { timeoutMs: 700 }))).toMatchObject({
      code: 'DOUG_IN_DOUBT',
      outcome: 'UNKNOWN',
    });
  });

  it('is DEADLINE for a read in any case', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = () => 'swallow';
    expect(await fails(db.get('k', { timeoutMs: 700 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
    });
  });

  it('tells the node how much time is left', async () => {
    const { cluster, db, run } = await simClient({ latencyMs: 10 });
    const { items, judge } = script('doubt');
    cluster.judge = judge;
    await run(db.put('k', 'v', { timeoutMs: 1000 }));
    expect(items[0]?.timeoutMs).toBeGreaterThan(900);
    expect(items[1]!.timeoutMs).toBeLessThan(items[0]!.timeoutMs - 19);
  });

  it('comes with the signal at any moment', async () => {
    const { cluster, db, fails, run, scheduler } = await simClient();
    const aborted = (reason?: unknown): AbortSignal => AbortSignal.abort(reason);
    const early = await fails(db.put('k', 'v', { signal: aborted('no') }));
    expect(early).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED', cause: 'no' });

    const stop = new AbortController();
    const unsent = db.put('k', 'v', { signal: stop.signal });
    stop.abort();
    expect(await fails(unsent)).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
    await scheduler.advance(100);
    expect(cluster.arrived).toBe(0);

    cluster.judge = () => 'swallow';
    const sent = new AbortController();
    const calls = [
      db.put('k', 'v', { signal: sent.signal }),
      db.get('g', { signal: sent.signal }),
      db.put('k', 'w', { signal: sent.signal, timeoutMs: 99_999 }),
    ];
    scheduler.schedule(50, () => sent.abort(new Error('enough')));
    const results = (await run(Promise.allSettled(calls))) as PromiseRejectedResult[];
    expect(results.map(({ reason }) => [reason.code, reason.outcome])).toEqual([
      ['DOUG_ABORTED', 'UNKNOWN'],
      ['DOUG_ABORTED', 'NOT_APPLIED'],
      ['DOUG_ABORTED', 'UNKNOWN'],
    ]);
    expect(results[0]?.reason.cause.message).toBe('enough');
    await scheduler.advance(50);
    expect(cluster.cancelled).toBe(3);

    cluster.judge = () => ({ refuse: 'BUSY' });
    const waiting = new AbortController();
    const refused = db.put('k', 'v', { signal: waiting.signal });
    scheduler.schedule(500, () => waiting.abort());
    expect(await fails(refused)).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
  });

  it('takes one listener on a signal that many calls share', async () => {
    const { db, run } = await simClient();
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    await run(Promise.all(Array.from({ length: 50 }, (_, i) => db.put(`k${i}`, 'v', { signal }))));
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledTimes(1);
  });
});

describe('sessions', () => {
  it('are changed every two minutes', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    for (let minute = 0; minute < 6; minute++) {
      await run(db.put('k', 'v'));
      await scheduler.advance(60_000);
    }
    const sessions = cluster.applied.map(({ session }) => session);
    expect(new Set(sessions).size).toBe(3);
    const seqs = cluster.applied.map(({ seq }) => seq);
    expect(seqs).toEqual([1, 2, 1, 2, 1, 2]);
  });

  it('begin at the log time of the partition, whatever the clock here says', async () => {
    const { cluster, db, run, clock } = await simClient();
    clock.jumpWall(-86_400_000);
    await run(db.put('k', 'v'));
    expect(Math.abs(cluster.applied[0]!.startedAt - cluster.logTime)).toBeLessThan(4096 * 1000);
  });

  it('that are refused after an idle hour are replaced without anybody noticing', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    await run(db.put('k', '1'));
    await scheduler.advance(3_600_000);
    for (const partition of cluster.partitions) partition.forgetSessions();
    const calls = Array.from({ length: 20 }, (_, i) => db.put('k', `${i}`));
    await run(Promise.all(calls));
    expect(cluster.applied).toHaveLength(21);
    expect(cluster.applied.map(({ value }) => new TextDecoder().decode(value)).slice(1)).toEqual(
      calls.map((_, i) => `${i}`),
    );
    expect(new Set(cluster.applied.map(({ session }) => session)).size).toBe(2);
  });

  it('are replaced after an idle hour when the leader has moved too', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    await run(db.put('k', '1'));
    await scheduler.advance(3_600_000);
    for (const partition of cluster.partitions) partition.forgetSessions();
    cluster.lead(2);
    expect(await run(db.put('k', '2'))).toEqual({ revision: 2 });
  });

  it('that expired before a resend leave the outcome unknown', async () => {
    const { cluster, db, fails } = await simClient();
    const { items, judge } = script('serve-and-break');
    cluster.judge = (item) => {
      const verdict = judge(item);
      // Ten minutes pass for the partition between the two attempts.
      if (item.resend) {
        for (const partition of cluster.partitions) {
          partition.forgetSessions();
          jest.spyOn(cluster, 'logTime', 'get').mockReturnValue(cluster.logTime + 4096 * 700_000);
        }
      }
      return verdict;
    };
    expect(await fails(db.put('k', 'v'))).toMatchObject({
      code: 'DOUG_SESSION_EXPIRED',
      outcome: 'UNKNOWN',
    });
    expect(items).toHaveLength(2);
    expect(cluster.applied).toHaveLength(1);
  });

  it('keep an op that was given up from taking effect after later ones', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    cluster.judge = ({ resend }) => (resend ? 'swallow' : 'doubt-and-serve-later');
    const first = db.put('k', 'first', { timeoutMs: 50 });
    await expect(run(first)).rejects.toMatchObject({ outcome: 'UNKNOWN' });
    cluster.judge = () => 'serve';
    await run(db.put('k', 'second'));
    await scheduler.advance(2000);
    expect((await run(db.get('k')))?.value).toBe('second');
    expect(cluster.applied).toHaveLength(1);
  });

  it('do not loop when a partition refuses every one of them', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = () => ({ refuse: 'SESSION_EXPIRED' });
    jest.spyOn(cluster.partitions[0]!, 'apply').mockReturnValue({ refused: 'SESSION_EXPIRED' });
    cluster.judge = () => 'serve';
    expect(await fails(db.put('k', 'v', { timeoutMs: 3000 }))).toMatchObject({
      outcome: 'NOT_APPLIED',
    });
    expect(cluster.arrived).toBeLessThan(60);
  });
});

describe('calls on one key that are not awaited', () => {
  it('take effect in the order of the calls over any trouble, INVARIANT(call-order)', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    const random = new SimRandom('order');
    const verdicts: FakeVerdict[] = [
      'serve',
      'serve-and-break',
      'break',
      'doubt',
      { refuse: 'NO_LEADER' },
    ];
    // Of one message a node takes or refuses a key's writes as they come.
    let judged: { message: number; verdict: FakeVerdict } = { message: -1, verdict: 'serve' };
    cluster.judge = ({ message }) => {
      if (judged.message !== message) judged = { message, verdict: random.pick(verdicts) };
      return judged.verdict;
    };
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      calls.push(db.put('hot', `${i}`, { timeoutMs: 60_000 }));
      if (i % 7 === 0) calls.push(db.get('hot', { timeoutMs: 60_000 }));
      if (i % 10 === 0) await scheduler.advance(1);
    }
    const results = await run(Promise.all(calls));
    const order = cluster.applied.map(({ value }) => Number(new TextDecoder().decode(value)));
    expect(order).toEqual(Array.from({ length: 300 }, (_, i) => i));
    let last = -1;
    for (const result of results as ({ value?: string } | null)[]) {
      if (result?.value === undefined) last++;
      else expect(result.value).toBe(`${last}`);
    }
  });
});

describe('streams', () => {
  it('that carry garbage are given up, and what was on them is sent again', async () => {
    const { cluster, db, run } = await simClient();
    const open = cluster.openPipe.bind(cluster);
    let count = 0;
    jest.spyOn(cluster, 'openPipe').mockImplementation((address, events) =>
      open(address, {
        ...events,
        received: (bytes) => events.received(count++ === 0 ? Uint8Array.of(255, 255) : bytes),
      }),
    );
    expect(await run(db.put('k', 'v'))).toEqual({ revision: 1 });
    expect(cluster.applied).toHaveLength(1);
    expect(db.counters.streamsLost).toBe(1);
  });

  it('that end for a reason that a new one would not mend end their calls', async () => {
    const { cluster, db, fails } = await simClient();
    const open = cluster.openPipe.bind(cluster);
    jest.spyOn(cluster, 'openPipe').mockImplementation((address, events) =>
      open(address, {
        ...events,
        opened: () => events.closed(new DougError('UNAUTHENTICATED', 'who are you')),
      }),
    );
    expect(await fails(db.put('k', 'v'))).toMatchObject({
      code: 'DOUG_UNAUTHENTICATED',
      outcome: 'NOT_APPLIED',
    });
  });

  it('that do not open in time are given up for other nodes', async () => {
    const { cluster, db, run, scheduler, nowMs } = await simClient();
    cluster.freeze(1);
    scheduler.schedule(100, () => cluster.lead(2));
    const began = nowMs();
    await run(db.put('k', 'v'));
    expect(nowMs() - began).toBeLessThan(2500);
  });

  it('that are full hold back what follows until they have room', async () => {
    const { cluster, db, run } = await simClient();
    const open = cluster.openPipe.bind(cluster);
    let events: Parameters<typeof open>[1] | undefined;
    let sends = 0;
    jest.spyOn(cluster, 'openPipe').mockImplementation((address, all) => {
      events = all;
      const pipe = open(address, all);
      return {
        send: (bytes) => {
          sends++;
          pipe.send(bytes);
          return false;
        },
        close: () => pipe.close(),
      };
    });
    await run(db.put('a', 'v'));
    const second = db.put('b', 'v', { timeoutMs: 500 });
    await expect(run(second)).rejects.toMatchObject({ code: 'DOUG_DEADLINE' });
    expect(sends).toBe(1);
    const third = db.put('c', 'v');
    events?.drained();
    await run(third);
    expect(sends).toBe(2);
  });

  it('go through a facade if the endpoint is one, unless told otherwise', async () => {
    for (const direct of [false, true]) {
      const scheduler = new SimScheduler();
      const cluster = new FakeCluster({ clock: scheduler.clock() });
      const opened: string[] = [];
      const transport: ClientTransport = {
        unary: async (address, path, request, timeoutMs, signal) => {
          const answer = await cluster.unary('n1:4400', path, request, timeoutMs, signal);
          if (address !== 'facade:4300') return answer;
          const described = DescribeResponse.decode(answer);
          const kind = EndpointKind.ENDPOINT_KIND_FACADE;
          return DescribeResponse.encode({ ...described, kind, nodeId: 0 }).finish();
        },
        openPipe: (address, events) => {
          opened.push(address);
          return cluster.openPipe(address === 'facade:4300' ? 'n1:4400' : address, events);
        },
        openStream: (address, path, events) => cluster.openStream(address, path, events),
        stream: (address, path, request, signal) => cluster.stream(address, path, request, signal),
        close: () => cluster.close(),
      };
      const ports = { transport, clock: scheduler.clock(), random: new SimRandom(1) };
      const options = { endpoints: 'facade:4300', direct };
      const db = await scheduler.runWhilePending(createClient(ports, options));
      await scheduler.runWhilePending(db.put('k', 'v'));
      await scheduler.runWhilePending(db.get('k', { consistency: 'eventual' }));
      const expected = direct ? expect.stringMatching(/^n\d:4400$/) : 'facade:4300';
      expect(opened).toEqual(opened.map(() => expected));
    }
  });
});

describe('eventual reads', () => {
  it('go to another node when one fails, without a leader too', async () => {
    const { cluster, db, run, nowMs } = await simClient();
    await run(db.put('k', 'v'));
    cluster.lead(0);
    cluster.kill(1);
    cluster.kill(2);
    for (let i = 0; i < 10; i++) {
      expect((await run(db.get('k', { consistency: 'eventual' })))?.value).toBe('v');
    }
    expect(nowMs()).toBeLessThan(500);
  });

  it('are retried while no node serves them', async () => {
    const { cluster, db, run } = await simClient();
    const { judge } = script(
      { refuse: 'CORRUPT' },
      { refuse: 'STARTING' },
      { refuse: 'STARTING' },
      { refuse: 'STARTING' },
      { refuse: 'STARTING' },
      { refuse: 'STARTING' },
    );
    cluster.judge = judge;
    expect(await run(db.get('k', { consistency: 'eventual' }))).toBeNull();
    expect(cluster.arrived).toBe(7);
  });
});
