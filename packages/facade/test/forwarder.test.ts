import { Consistency, DougError, encodePut, limits, toWire } from '@dougdb/rpc-proto';
import { addDelete, addGet, addPut, Bench, type BenchClient } from './support/bench.js';
import type { Arrival, FakePartition } from './support/fake-nodes.js';

const split: readonly FakePartition[] = [
  { id: 2, start: '', end: 'm', version: 2, leader: 1 },
  { id: 3, start: 'm', end: '', version: 2, leader: 2 },
];

async function begun(options: ConstructorParameters<typeof Bench>[0] = {}): Promise<Bench> {
  const bench = new Bench(options);
  await bench.begin();
  return bench;
}

const summary = (client: BenchClient) =>
  client.answers.map(({ id, code, outcome, value }) =>
    code === 'OK' ? [id, 'OK', value] : [id, code, outcome],
  );

describe('forwarding', () => {
  it('sends each item to the leader of its key, under the facade’s map', async () => {
    const bench = await begun({ partitions: split });
    const client = bench.client();
    client.send((w) => {
      addPut(w, 'a', '1');
      addPut(w, 'z', '2');
      addGet(w, 'a');
      addDelete(w, 'z');
    }, 40);
    await bench.settle();
    expect(
      bench.nodes.arrivals.map((a) => [
        a.node.nodeId,
        a.partitionId,
        a.epochVersion,
        a.kind,
        a.key,
      ]),
    ).toEqual([
      [1, 2, 2, 'put', 'a'],
      [1, 2, 2, 'get', 'a'],
      [2, 3, 2, 'put', 'z'],
      [2, 3, 2, 'delete', 'z'],
    ]);
    expect(summary(client).sort()).toEqual([
      [40, 'OK', null],
      [41, 'OK', null],
      [42, 'OK', '1'],
      [43, 'OK', null],
    ]);
    expect(client.answers.map((answer) => answer.headerPartition).sort()).toEqual([2, 2, 3, 3]);
    expect([bench.forwarder.openItems, bench.admission.ops, bench.admission.sizeBytes]).toEqual([
      0, 0, 0,
    ]);
  });

  it('replaces whatever partition and epoch the client names', async () => {
    const bench = await begun({ partitions: split });
    const client = bench.client();
    const command = encodePut(null, Buffer.from('z'), Buffer.from('1'));
    client.send((w) => w.addCommand(0, 2, 77, true, command));
    await bench.settle();
    expect(bench.nodes.arrivals).toMatchObject([{ partitionId: 3, epochVersion: 2, resend: true }]);
    expect(client.answer(1)?.code).toBe('OK');
  });

  it('gives answers to whom they belong when clients share a message and use the same ids', async () => {
    const bench = await begun();
    const [a, b] = [bench.client(), bench.client()];
    bench.nodes.data.set('of a', { value: 'a', revision: 1 });
    bench.nodes.data.set('of b', { value: 'b', revision: 2 });
    const held: Arrival[] = [];
    bench.nodes.serve = (item) => held.push(item);
    a.get('of a');
    b.get('of b');
    await bench.scheduler.advance(10);
    expect(new Set(held.map((item) => item.message)).size).toBe(1);
    for (const item of held.reverse()) item.node.answer(item);
    await bench.settle();
    expect(summary(a)).toEqual([[1, 'OK', 'a']]);
    expect(summary(b)).toEqual([[1, 'OK', 'b']]);
  });

  it('gathers the items of a turn into one message for each node, and the answers likewise', async () => {
    const bench = await begun();
    const clients = Array.from({ length: 5 }, () => bench.client());
    for (const client of clients) for (let i = 0; i < 4; i++) client.put(`k${i}`);
    await bench.settle();
    expect(bench.nodes.messages.length).toBe(1);
    expect(bench.nodes.arrivals.length).toBe(20);
    for (const client of clients) expect(client.answers.length).toBe(4);
  });

  it('sends eventual reads to any replica, all other items to the leader', async () => {
    const bench = await begun();
    const client = bench.client();
    for (let i = 0; i < 40; i++) {
      client.send((w) => addGet(w, 'a', 0, Consistency.CONSISTENCY_EVENTUAL));
      await bench.scheduler.advance(1);
    }
    await bench.settle();
    expect(new Set(bench.nodes.arrivals.map((a) => a.node.nodeId)).size).toBe(3);
    expect(bench.nodes.arrivals.every((a) => a.eventual)).toBe(true);
    expect(client.answers.length).toBe(40);
  });

  it('passes headers and errors on as they came, and learns log times from them', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = (item) =>
      item.stream.respond((w) =>
        w.addError(
          item.id,
          bench.nodes.headerOf(2, 3),
          toWire(new DougError('SESSION_EXPIRED', 'x', { route: bench.nodes.hint(split[0]!) })),
        ),
      );
    client.put('a');
    await bench.settle();
    const [response] = client.responses;
    expect(response?.headers).toMatchObject([bench.nodes.headerOf(2, 3)]);
    const result = response?.results[0]?.result;
    expect(result?.$case === 'error' && result.value.route?.leaderNodeId).toBe(1);
    expect(bench.logTimes.get(2)).toBe(8192);
  });

  it('forwards the time that is left', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.latencyMs = 30;
    client.put('a', 'v', 1000);
    client.put('b', 'v', 0);
    client.put('c', 'v', 365 * 86_400_000);
    await bench.settle();
    // Connecting took 30 ms.
    expect(bench.nodes.arrivals.map((a) => a.timeoutMs)).toEqual([970, 29_970, 29_970]);
  });
});

describe('refusals', () => {
  it.each([
    ['an empty key', (c: BenchClient) => c.put(''), 'INVALID_ARGUMENT'],
    ['a key over the limit', (c: BenchClient) => c.put('k'.repeat(8193)), 'INVALID_ARGUMENT'],
    [
      'garbage in place of a command',
      (c: BenchClient) => c.send((w) => w.addCommand(0, 0, 0, false, Uint8Array.of(255, 1))),
      'INVALID_ARGUMENT',
    ],
    [
      'partition 1',
      (c: BenchClient) => c.send((w) => w.addGet(0, 1, 0, false, 0, Buffer.from('k'))),
      'INVALID_ARGUMENT',
    ],
  ])('say %s is wrong, and nothing is sent', async (_what, ask, code) => {
    const bench = await begun();
    const client = bench.client();
    ask(client);
    await bench.settle();
    expect(summary(client)).toEqual([[1, code, 'NOT_APPLIED']]);
    expect(bench.nodes.arrivals).toEqual([]);
    expect(bench.admission.ops).toBe(0);
  });

  it('end the stream at a message that is garbage, after what was answered before', async () => {
    const bench = await begun();
    const client = bench.client();
    client.put('a');
    await bench.settle();
    client.pipe.received(Uint8Array.of(255, 255));
    expect(client.failures.map((error) => error.reason)).toEqual(['INVALID_ARGUMENT']);
    expect(client.answers.length).toBe(1);
    client.put('b');
    await bench.settle();
    expect(bench.nodes.arrivals.length).toBe(1);
  });

  it('name the cause for all items when the facade takes none', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.refusal = new DougError('DRAINING', 'stopping');
    client.send((w) => [addPut(w, 'a'), addPut(w, 'b')]);
    await bench.settle();
    expect(summary(client)).toEqual([
      [1, 'DRAINING', 'NOT_APPLIED'],
      [2, 'DRAINING', 'NOT_APPLIED'],
    ]);
  });

  it('say NO_LEADER where nobody is known, and ask around', async () => {
    const bench = await begun({ partitions: [{ ...split[0]!, leader: 0 }, split[1]!] });
    const client = bench.client();
    client.send((w) => [addPut(w, 'a'), addPut(w, 'z')]);
    await bench.scheduler.advance(20);
    expect(summary(client).sort()).toEqual([
      [1, 'NO_LEADER', 'NOT_APPLIED'],
      [2, 'OK', null],
    ]);
    bench.nodes.partitions[0]!.leader = 3;
    client.put('a');
    await bench.scheduler.advance(20);
    client.put('a');
    await bench.settle();
    expect(client.answers.at(-1)?.code).toBe('OK');
  });

  it('are learned from: a new leader, a new epoch, a split', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.partitions[0]!.leader = 2;
    client.put('a');
    await bench.settle();
    bench.nodes.partitions.splice(0, 1, ...split.map((partition) => ({ ...partition, leader: 3 })));
    client.put('b');
    await bench.settle();
    client.put('z');
    await bench.settle();
    client.put('c');
    client.put('y');
    await bench.settle();
    expect(summary(client).map(([, code]) => code)).toEqual([
      'NOT_LEADER',
      'EPOCH_MISMATCH',
      'NO_LEADER',
      'OK',
      'OK',
    ]);
  });

  it('of a node of another cluster look as if nobody was there', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = (item) =>
      item.node.refuse(item, new DougError('CLUSTER_MISMATCH', 'who are you'));
    client.put('a');
    await bench.settle();
    expect(summary(client)).toEqual([[1, 'NO_LEADER', 'NOT_APPLIED']]);
    expect(bench.router.map.byId(2)?.leaderNodeId).toBe(0);
  });

  it('never take a write behind a refused one on its key: rooms and pauses end within a walk, INVARIANT(call-order)', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = () => undefined;
    const big = 'x'.repeat(1 << 20);
    for (let i = 0; i < 7; i++) client.put(`k${i}`, big);
    await bench.scheduler.advance(20);
    // The first finds no room by its size, the second would.
    client.send((w) => [addPut(w, 'a', big), addPut(w, 'a', 'small')]);
    await bench.scheduler.advance(20);
    expect(summary(client)).toEqual([
      [8, 'BUSY', 'NOT_APPLIED'],
      [9, 'BUSY', 'NOT_APPLIED'],
    ]);
    expect(bench.nodes.arrivals.length).toBe(7);
  });

  it('treat all writes of one key in a message alike, also if a pause ends meanwhile, INVARIANT(call-order)', async () => {
    const bench = await begun({ partitions: split });
    const client = bench.client();
    // Left alone for the first item of the message, and not any more for the last.
    jest.spyOn(bench.router, 'leaderAddress').mockReturnValueOnce(undefined);
    client.send((w) => [addPut(w, 'a', '1'), addPut(w, 'z', '2'), addPut(w, 'a', '3')]);
    await bench.settle();
    expect(client.answer(1)?.code).toBe('NO_LEADER');
    expect(client.answer(3)?.code).toBe('NO_LEADER');
    expect(bench.nodes.arrivals.map((a) => a.key)).toEqual(['z']);
  });
});

describe('one message of a client', () => {
  it('travels to a node in one message, however many it waits behind, INVARIANT(part-in-one-message)', async () => {
    const bench = await begun();
    const clients = Array.from({ length: 8 }, () => bench.client());
    const sizes = [1, 200, 256, 300, 900, 4000, 3, 17];
    for (const [at, client] of clients.entries()) {
      client.send((w) => {
        for (let i = 0; i < sizes[at]!; i++) addPut(w, `${at}`, `${i}`);
      });
    }
    await bench.settle();
    for (const [at] of clients.entries()) {
      const own = bench.nodes.arrivals.filter((arrival) => arrival.key === String(at));
      expect(new Set(own.map((arrival) => arrival.message)).size).toBe(1);
      expect(own.map((arrival) => arrival.value)).toEqual(
        Array.from({ length: sizes[at]! }, (_, i) => String(i)),
      );
    }
    for (const bytes of bench.nodes.messages) {
      expect(bytes.length).toBeLessThanOrEqual(limits.requestBytes);
    }
  });

  it('is refused from where it would not fit into one message', async () => {
    const bench = await begun();
    const client = bench.client();
    // Tiny items grow on their way: each gets a time, a partition and an epoch.
    const value = 'x'.repeat(1000);
    const count = 4050;
    client.send((w) => {
      for (let i = 0; i < count; i++) addPut(w, `k${i}`, value);
    });
    await bench.settle();
    const refused = client.answers.filter((answer) => answer.code !== 'OK');
    const served = client.answers.filter((answer) => answer.code === 'OK');
    expect(served.length + refused.length).toBe(count);
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((answer) => answer.code))).toEqual(new Set(['TOO_LARGE']));
    expect(Math.min(...refused.map((answer) => answer.id))).toBe(served.length + 1);
    expect(bench.nodes.messages.length).toBe(1);
    expect(bench.nodes.messages[0]!.length).toBeLessThanOrEqual(limits.requestBytes);
  });

  it('of a client that asks for more than its window is refused at the window', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = () => undefined;
    const fill = (count: number): void => {
      client.send((w) => {
        for (let i = 0; i < count; i++) addPut(w, `k${i}`);
      });
    };
    fill(limits.pipeWindowItems);
    fill(2);
    await bench.scheduler.advance(20);
    expect(summary(client).map(([, code]) => code)).toEqual(['BUSY', 'BUSY']);
    expect(client.pipe.openItems).toBe(limits.pipeWindowItems);
    expect(client.drained).toBe(0);
    for (const item of bench.nodes.arrivals.slice(0, limits.pipeWindowItems / 4 + 1)) {
      item.node.answer(item);
    }
    await bench.scheduler.advance(20);
    expect(client.drained).toBe(1);
  });
});

describe('a node that takes no more', () => {
  it('gets no more than its window, the rest waits; beyond that BUSY', async () => {
    const bench = await begun();
    const clients = Array.from({ length: 5 }, () => bench.client());
    bench.nodes.serve = () => undefined;
    for (const client of clients) {
      client.send((w) => {
        for (let i = 0; i < 4000; i++) addPut(w, `k${i}`);
      });
    }
    await bench.scheduler.advance(50);
    expect(bench.nodes.arrivals.length).toBe(4000);
    // One is with the node, one waits, a part of the third fills the queue.
    expect(clients.map((client) => client.answers.length)).toEqual([
      0,
      0,
      8000 + 4000 - limits.forwardQueueItems,
      4000,
      4000,
    ]);
    for (const client of clients) {
      expect(client.answers.every((answer) => answer.code === 'BUSY')).toBe(true);
    }
  });

  it('gets the next ones when it has answered', async () => {
    const bench = await begun();
    const [a, b] = [bench.client(), bench.client()];
    bench.nodes.serve = () => undefined;
    for (const client of [a, b]) {
      client.send((w) => {
        for (let i = 0; i < 3000; i++) addPut(w, `k${i}`);
      });
    }
    await bench.scheduler.advance(20);
    expect(bench.nodes.arrivals.length).toBe(3000);
    for (const item of bench.nodes.arrivals.slice(0, 2000)) item.node.answer(item);
    await bench.scheduler.advance(20);
    expect(bench.nodes.arrivals.length).toBe(6000);
    for (const item of bench.nodes.arrivals.slice(2000)) item.node.answer(item);
    await bench.settle();
    expect(a.answers.length + b.answers.length).toBe(6000);
  });

  it('gets no more bytes than its window', async () => {
    const bench = await begun();
    const clients = Array.from({ length: 4 }, () => bench.client());
    bench.nodes.serve = () => undefined;
    const big = 'x'.repeat(1 << 20);
    for (const client of clients) {
      for (let i = 0; i < 3; i++) client.put(`k${i}`, big);
    }
    await bench.scheduler.advance(20);
    const bytes = bench.nodes.arrivals.reduce((sum, item) => sum + item.value.length, 0);
    expect(bytes).toBeLessThanOrEqual(limits.admittedBytes / 4);
    expect(bytes).toBeGreaterThan(limits.admittedBytes / 8);
    const busy = clients.flatMap((client) => client.answers);
    expect(new Set(busy.map((answer) => answer.code))).toEqual(new Set(['BUSY']));
  });

  it('is not written to while its connection is full', async () => {
    const bench = await begun();
    const client = bench.client();
    const node = bench.nodes.nodes[0]!;
    node.isFull = true;
    client.put('a');
    await bench.scheduler.advance(20);
    client.put('b', 'v', 500);
    client.put('c', 'v', 5000);
    await bench.scheduler.advance(1000);
    expect(bench.nodes.messages.length).toBe(1);
    expect(summary(client)).toEqual([
      [1, 'OK', null],
      [2, 'DEADLINE', 'NOT_APPLIED'],
    ]);
    node.isFull = false;
    for (const stream of node.streams) stream.drain();
    await bench.settle();
    expect(client.answer(3)?.code).toBe('OK');
    expect(bench.nodes.arrivals.map((a) => a.key)).toEqual(['a', 'c']);
  });
});

describe('a client that does not read', () => {
  it('gets BUSY in place of values, and writes without what was there before', async () => {
    const bench = await begun();
    const client = bench.client();
    client.queuedBytes = limits.answerQueueBytes;
    bench.nodes.data.set('a', { value: 'there', revision: 1 });
    bench.nodes.serve = (item) => {
      if (item.kind === 'get') item.node.answer(item);
      else {
        item.stream.respond((w) =>
          w.addLookedWrite(item.id, bench.nodes.headerOf(2, 1), {
            revision: 5,
            compareFailed: true,
            previousRevision: 4,
            previousValue: Buffer.from('there'),
          }),
        );
      }
    };
    client.get('a');
    client.put('a');
    await bench.settle();
    expect(client.answer(1)).toMatchObject({ code: 'BUSY', outcome: 'NOT_APPLIED' });
    const result = client.responses.flatMap((r) => r.results).find(({ id }) => id === 2)?.result;
    expect(result?.value).toMatchObject({
      revision: 5,
      compareFailed: true,
      previousRevision: 4,
      previousValue: new Uint8Array(0),
      resultNotKept: true,
    });
    client.queuedBytes = 0;
    client.put('a');
    await bench.settle();
    const last = client.responses.at(-1)?.results[0]?.result;
    expect(last?.value).toMatchObject({
      previousValue: Buffer.from('there'),
      resultNotKept: false,
    });
  });

  it('and is gone gets nothing more, what it held is given back, and what had not left stays', async () => {
    const bench = await begun();
    const [gone, other] = [bench.client(), bench.client()];
    const held: Arrival[] = [];
    bench.nodes.serve = (item) => held.push(item);
    gone.put('sent');
    await bench.scheduler.advance(20);
    gone.put('not sent');
    other.put('other');
    gone.pipe.closed();
    await bench.scheduler.advance(20);
    expect(held.map((item) => item.key)).toEqual(['sent', 'other']);
    for (const item of held) item.node.answer(item);
    await bench.settle();
    expect(gone.answers).toEqual([]);
    expect(other.answers.length).toBe(1);
    expect([bench.admission.ops, bench.admission.sizeBytes, gone.pipe.openItems]).toEqual([
      0, 0, 0,
    ]);
  });
});

describe('deadlines', () => {
  it('end what has not left as not applied, and what has left as in doubt, reads aside', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = () => undefined;
    client.put('write', 'v', 300);
    client.get('read', 300);
    await bench.scheduler.advance(20);
    bench.nodes.nodes[0]!.isMute = true;
    await bench.scheduler.advance(1000);
    expect(summary(client)).toEqual([
      [1, 'IN_DOUBT', 'UNKNOWN'],
      [2, 'DEADLINE', 'NOT_APPLIED'],
    ]);
  });

  it('leave the node time for an answer of its own, and let a late one fall', async () => {
    const bench = await begun();
    const client = bench.client();
    const held: Arrival[] = [];
    bench.nodes.serve = (item) => held.push(item);
    client.put('a', 'v', 100);
    client.put('b', 'v', 100);
    await bench.scheduler.advance(110);
    held[0]!.node.refuse(held[0]!, new DougError('DEADLINE', 'not proposed'));
    await bench.scheduler.advance(400);
    held[1]!.node.answer(held[1]!);
    await bench.settle();
    expect(summary(client)).toEqual([
      [1, 'DEADLINE', 'NOT_APPLIED'],
      [2, 'IN_DOUBT', 'UNKNOWN'],
    ]);
    expect(bench.forwarder.openItems).toBe(0);
  });

  it('end a stream whose node owes answers for ever', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = (item) => {
      if (item.key !== 'never') item.node.answer(item);
    };
    client.put('never', 'v', 100);
    await bench.scheduler.advance(5_000);
    expect(bench.nodes.nodes[0]!.streams.size).toBe(1);
    await bench.scheduler.advance(10_000);
    expect(bench.nodes.nodes[0]!.streams.size).toBe(0);
    expect(bench.forwarder.openItems).toBe(0);
    client.put('a');
    await bench.scheduler.advance(2_000);
    client.put('b');
    await bench.settle();
    expect(client.answers.at(-1)?.code).toBe('OK');
  });
});

describe('cancels', () => {
  it('drop what has not left, and are passed on for what has', async () => {
    const bench = await begun();
    const [client, other] = [bench.client(), bench.client()];
    const held: Arrival[] = [];
    bench.nodes.serve = (item) => held.push(item);
    client.put('sent');
    other.put('sent too');
    await bench.scheduler.advance(20);
    client.send((w) => [
      addPut(w, 'a'),
      addPut(w, 'b'),
      w.addCancel(1),
      w.addCancel(2),
      w.addCancel(99),
    ]);
    await bench.scheduler.advance(20);
    expect(held.map((item) => item.key)).toEqual(['sent', 'sent too', 'b']);
    expect(bench.nodes.cancels).toEqual([{ node: 1, id: held[0]!.id }]);
    expect(summary(client)).toEqual([[2, 'ABORTED', 'NOT_APPLIED']]);
    for (const item of held) item.node.answer(item);
    await bench.settle();
    expect(client.answers.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
    expect(other.answers.length).toBe(1);
  });

  it('do not make a message larger than a node takes, which would end the stream for all', async () => {
    const bench = await begun();
    const [client, other] = [bench.client(), bench.client()];
    bench.nodes.serve = () => undefined;
    const count = 4000;
    client.send((w) => {
      for (let i = 0; i < count; i++) addPut(w, `k${i}`);
    });
    await bench.scheduler.advance(20);
    client.send((w) => {
      for (let id = 1; id <= count; id++) w.addCancel(id);
    });
    const value = 'x'.repeat(limits.valueBytes - 250);
    other.send((w) => {
      for (let i = 0; i < 4; i++) addPut(w, `large${i}`, value);
    });
    await bench.scheduler.advance(20);
    expect(other.failures).toEqual([]);
    expect([bench.nodes.arrivals.length, bench.nodes.cancels.length]).toEqual([count + 4, count]);
    const sizes = bench.nodes.messages.map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.requestBytes);
    expect(sizes.at(-1)).toBeGreaterThan(4 * value.length);
  });
});

describe('a lost stream', () => {
  it('leaves sent writes in doubt, and nothing else', async () => {
    const bench = await begun();
    const client = bench.client();
    const node = bench.nodes.nodes[0]!;
    bench.nodes.serve = () => undefined;
    client.send((w) => [addPut(w, 'a'), addGet(w, 'a')]);
    await bench.scheduler.advance(20);
    node.isFull = true;
    client.put('b');
    await bench.scheduler.advance(20);
    client.put('waits');
    await bench.scheduler.advance(20);
    node.break();
    await bench.scheduler.advance(0);
    expect(summary(client)).toEqual([
      [1, 'IN_DOUBT', 'UNKNOWN'],
      [2, 'NO_LEADER', 'NOT_APPLIED'],
      [3, 'IN_DOUBT', 'UNKNOWN'],
      [4, 'NO_LEADER', 'NOT_APPLIED'],
    ]);
    expect(bench.nodes.arrivals.map((a) => a.key)).toEqual(['a', 'a', 'b']);
    expect([bench.forwarder.openItems, bench.admission.ops]).toEqual([0, 0]);
  });

  it('is opened again after a pause, and old answers meet nothing on the new one', async () => {
    const bench = await begun();
    const client = bench.client();
    const held: Arrival[] = [];
    bench.nodes.serve = (item) => held.push(item);
    client.put('old');
    await bench.scheduler.advance(20);
    bench.nodes.nodes[0]!.break();
    await bench.scheduler.advance(200);
    client.put('new');
    await bench.scheduler.advance(20);
    const [old, fresh] = held as [Arrival, Arrival];
    expect(fresh.key).toBe('new');
    expect(fresh.id).toBeGreaterThan(old.id);
    // The old answer, on the new stream.
    fresh.stream.respond((w) => w.addWrite(old.id, bench.nodes.headerOf(2, 1), 99, false));
    await bench.scheduler.advance(20);
    expect(client.answers.length).toBe(1);
    fresh.node.answer(fresh);
    await bench.settle();
    expect(client.answer(2)).toMatchObject({ code: 'OK', revision: 1 });
  });

  it('is given up when a connection does not come about', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.nodes[0]!.isMute = true;
    client.put('a');
    await bench.scheduler.advance(900);
    expect(client.answers).toEqual([]);
    await bench.scheduler.advance(200);
    expect(summary(client)).toEqual([[1, 'NO_LEADER', 'NOT_APPLIED']]);
  });

  it('is given up when a node is silent and another one leads', async () => {
    const bench = await begun();
    const client = bench.client();
    client.put('a');
    await bench.settle();
    bench.nodes.nodes[0]!.isMute = true;
    client.put('b');
    client.get('b');
    await bench.scheduler.advance(3_000);
    expect(client.answers.length).toBe(1);
    bench.nodes.partitions[0]!.leader = 2;
    await bench.scheduler.advance(2_000);
    expect(summary(client).slice(1)).toEqual([
      [2, 'IN_DOUBT', 'UNKNOWN'],
      [3, 'NO_LEADER', 'NOT_APPLIED'],
    ]);
    client.get('a');
    await bench.settle();
    expect(client.answers.at(-1)?.value).toBe('v');
  });

  it('leaves no timer and no stream when all is closed', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = () => undefined;
    client.put('a');
    await bench.scheduler.advance(20);
    client.put('b');
    bench.forwarder.close();
    bench.router.close();
    await bench.scheduler.advance(0);
    expect(summary(client)).toEqual([
      [1, 'IN_DOUBT', 'UNKNOWN'],
      [2, 'NO_LEADER', 'NOT_APPLIED'],
    ]);
    expect(bench.nodes.nodes[0]!.streams.size).toBe(0);
    await bench.scheduler.advance(30);
    expect(bench.clock.pendingCount).toBe(0);
  });
});

describe('a node that talks nonsense', () => {
  const cases: [string, (item: Arrival, bench: Bench) => void, string, string][] = [
    ['garbage', (item) => item.stream.raw(Uint8Array.of(255, 255)), 'IN_DOUBT', 'NO_LEADER'],
    [
      'an answer of the wrong kind',
      (item, bench) =>
        item.stream.respond((w) => {
          const header = bench.nodes.headerOf(2, 1);
          if (item.kind === 'get') w.addWrite(item.id, header, 1, false);
          else w.addGetMissing(item.id, header);
        }),
      'INTERNAL',
      'INTERNAL',
    ],
    [
      'a result of a kind that nobody knows',
      // PipeResult { id, 15: '' }
      (item) => item.stream.raw(Uint8Array.of(0x0a, 4, 0x08, item.id, 0x7a, 0)),
      'INTERNAL',
      'INTERNAL',
    ],
    [
      'a result whose header is not there',
      // PipeResult { id, header: 5, write or get: {} }
      (item) =>
        item.stream.raw(
          Uint8Array.of(0x0a, 6, 0x08, item.id, 0x10, 5, item.kind === 'get' ? 0x2a : 0x22, 0),
        ),
      'INTERNAL',
      'INTERNAL',
    ],
  ];
  it.each(cases)('%s leaves writes in doubt and reads not', async (_what, say, write, read) => {
    const bench = await begun();
    const [client, other] = [bench.client(), bench.client()];
    bench.nodes.serve = (item) => say(item, bench);
    client.put('a');
    await bench.settle();
    await bench.scheduler.advance(100);
    other.get('a');
    await bench.settle();
    expect(summary(client)).toEqual([[1, write, 'UNKNOWN']]);
    expect(summary(other)).toEqual([[1, read, 'NOT_APPLIED']]);
    bench.nodes.serve = (item) => item.node.answer(item);
    await bench.scheduler.advance(2_000);
    client.put('b');
    await bench.scheduler.advance(2_000);
    client.put('c');
    await bench.settle();
    expect(client.answers.at(-1)?.code).toBe('OK');
  });

  it('and answers twice, or what was never asked, is heard once', async () => {
    const bench = await begun();
    const client = bench.client();
    bench.nodes.serve = (item) => {
      item.node.tell(item, 7);
      item.node.tell(item, 8);
      item.node.tell({ ...item, id: item.id + 100 });
      item.node.tell({ ...item, id: 0 });
    };
    client.put('a');
    await bench.settle();
    expect(client.answers).toMatchObject([{ id: 1, code: 'OK', revision: 7 }]);
    bench.nodes.serve = (item) => item.node.answer(item);
    client.put('b');
    await bench.settle();
    expect(client.answers.length).toBe(2);
  });
});
