import { type SimClock, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { DougError } from '@dougdb/rpc-proto';
import { type ConnectOptions, createClient, type DougClient, type Key } from '../src/core.js';
import { FakeCluster, type FakeClusterOptions } from '../src/testing/index.js';

/** A client and a cluster in memory on virtual time. */
export interface SimClient<V = string, K extends Key = string> {
  readonly scheduler: SimScheduler;
  readonly cluster: FakeCluster;
  /** The client's clock alone: what waits on it belongs to the client. */
  readonly clock: SimClock;
  readonly db: DougClient<V, K>;
  /** Runs virtual time until the promise settles, and answers as it does. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** As `run`, for what must fail: answers the error. */
  fails(promise: Promise<unknown>): Promise<DougError>;
  /** One more client of the same cluster, on a clock and a way of its own. */
  join(): Promise<DougClient<V, K>>;
  collect<T>(items: AsyncIterable<T>): Promise<T[]>;
  /** Virtual milliseconds now. */
  nowMs(): number;
}

export async function simClient<V = string, K extends Key = string>(
  cluster: Omit<FakeClusterOptions, 'clock'> = {},
  options: Partial<ConnectOptions<V, K>> = {},
  seed: number | string = 1,
): Promise<SimClient<V, K>> {
  const scheduler = new SimScheduler();
  const fake = new FakeCluster({ clock: scheduler.clock(), ...cluster });
  const clock = scheduler.clock();
  const ports = { transport: fake, clock, random: new SimRandom(seed) };
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  const join = (): Promise<DougClient<V, K>> => {
    const own = { transport: fake.transport(), clock: scheduler.clock(), random: ports.random };
    return run(createClient<V, K>(own, { endpoints: fake.endpoints, ...options }));
  };
  const connected = createClient<V, K>(ports, { endpoints: fake.endpoints, ...options });
  const db = await run(connected);
  return {
    scheduler,
    cluster: fake,
    clock,
    db,
    run,
    fails: (promise) =>
      run(
        promise.then(
          () => Promise.reject(new Error('it did not fail')),
          (error: DougError) => error,
        ),
      ),
    join,
    collect: <T>(items: AsyncIterable<T>) =>
      run(
        (async () => {
          const all: T[] = [];
          for await (const item of items) all.push(item);
          return all;
        })(),
      ),
    nowMs: () => scheduler.nowMs,
  };
}
