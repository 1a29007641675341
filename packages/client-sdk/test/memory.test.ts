import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { type ClientTransport, createClient } from '../src/core.js';
import { FakeCluster } from '../src/testing/index.js';

// What a call holds is free when the call has ended, also while a node takes nothing and nobody answers:
// else pendingLimit would bound nothing.

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const ROUNDS = 10;
const ROUND_CALLS = 1_000;

async function setup() {
  const scheduler = new SimScheduler();
  const cluster = new FakeCluster({ clock: scheduler.clock(), nodes: 1 });
  const connection = { isFull: false };
  const transport: ClientTransport = {
    unary: (...call) => cluster.unary(...call),
    stream: (...call) => cluster.stream(...call),
    openStream: (...call) => cluster.openStream(...call),
    close: () => cluster.close(),
    openPipe: (address, events) => {
      const pipe = cluster.openPipe(address, events);
      return {
        send: (request) => pipe.send(request) && !connection.isFull,
        close: () => pipe.close(),
      };
    },
  };
  const values: WeakRef<Uint8Array>[] = [];
  const codec = {
    encode: (text: string) => {
      const bytes = new Uint8Array(100).fill(text.length);
      values.push(new WeakRef(bytes));
      return bytes;
    },
    decode: () => '',
  };
  const ports = { transport, clock: scheduler.clock(), random: new SimRandom(1) };
  const db = await scheduler.runWhilePending(
    createClient(ports, { endpoints: cluster.endpoints, codec }),
  );
  await scheduler.runWhilePending(db.put('k', 'v'));
  values.length = 0;
  /** Calls that time out. @returns how many of their values are held afterwards */
  const held = async (): Promise<number> => {
    const first = values.length;
    for (let round = 0; round < ROUNDS; round++) {
      const puts = Array.from({ length: ROUND_CALLS }, (_, i) =>
        db.put(`${round}/${i}`, 'v', { timeoutMs: 10 }),
      );
      const ends = await scheduler.runWhilePending(Promise.allSettled(puts));
      expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    }
    // A WeakRef that was looked at, or made, holds what it names to the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    return values.slice(first).filter((value) => value.deref() !== undefined).length;
  };
  return { scheduler, cluster, connection, db, held };
}

describe('calls that have ended', () => {
  it('are not held by the queue to a node whose connection takes nothing', async () => {
    const { cluster, connection, db, held } = await setup();
    cluster.judge = () => 'swallow';
    connection.isFull = true;
    expect(await held()).toBeLessThan(3 * ROUND_CALLS);
    await db.close();
  });

  it('are not held by a session without room', async () => {
    const { scheduler, cluster, db, held } = await setup();
    cluster.judge = () => 'swallow';
    const open = Array.from({ length: 1_024 }, (_, i) =>
      db.put(`open ${i}`, 'v', { timeoutMs: 3_600_000 }),
    );
    const settled = Promise.allSettled(open);
    await scheduler.advance(10);
    expect(await held()).toBeLessThan(3 * ROUND_CALLS);
    await db.close();
    await settled;
  });

  it('are not held by a partition that asked for a long pause', async () => {
    const { scheduler, cluster, db, held } = await setup();
    cluster.judge = () => ({ refuse: 'BUSY', retryAfterMs: 3_600_000 });
    const first = db.put('k', 'v', { timeoutMs: 10 });
    await scheduler.runWhilePending(Promise.allSettled([first]));
    expect(await held()).toBeLessThan(3 * ROUND_CALLS);
    await db.close();
  });
});

describe('a watch that was aborted', () => {
  it('is not kept, also when nobody takes anything from it any more', async () => {
    const { scheduler, db } = await setup();
    const signals: WeakRef<AbortSignal>[] = [];
    for (let i = 0; i < 10; i++) {
      const stop = new AbortController();
      signals.push(new WeakRef(stop.signal));
      db.watch({ signal: stop.signal });
      await scheduler.advance(10);
      stop.abort();
    }
    await scheduler.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    // The last one may still be on the stack.
    expect(signals.filter((one) => one.deref() !== undefined).length).toBeLessThan(5);
    await db.close();
  });
});
