import type { SimRandom as Random, SimScheduler as Scheduler } from '@dougdb/ports/sim';
import type { createClient as CreateClient, EnginePorts } from '../src/core.js';
import type {
  Codec,
  compare as Compare,
  CompareFailedError as CompareFailed,
  DougClient as Connector,
  del as Del,
  DougClient,
  DougError as Errors,
  get as Get,
  put as Put,
} from '../src/index.js';
import type { createMemoryStore as Create, MemoryStore } from '../src/testing/index.js';

// The examples of README.md, as the compiler sees them: what stands between the marks is what stands there.

/** What the example of core.ts imports and is given. */
export interface CoreGiven {
  readonly createClient: typeof CreateClient;
  readonly transport: EnginePorts['transport'];
  readonly clock: EnginePorts['clock'];
  readonly random: EnginePorts['random'];
}

/** What an example imports, and where it prints. */
export interface Given {
  readonly DougClient: { readonly connect: typeof Connector.connect };
  readonly DougError: typeof Errors;
  readonly CompareFailedError: typeof CompareFailed;
  readonly compare: typeof Compare;
  readonly put: typeof Put;
  readonly del: typeof Del;
  readonly get: typeof Get;
  readonly createMemoryStore: typeof Create;
  readonly SimScheduler: typeof Scheduler;
  readonly SimRandom: typeof Random;
  readonly console: { log(...values: readonly unknown[]): void };
}

export async function first({ DougClient, console }: Given): Promise<void> {
  // block
  await using db = await DougClient.connect('127.0.0.1:4400,127.0.0.1:4401');

  const { revision } = await db.put('user/1', 'Ada');
  const hit = await db.get('user/1'); // { key, value, revision } or null
  await db.delete('user/2');

  for await (const { key, value } of db.scan({ prefix: 'user/', limit: 100 })) {
    console.log(key, value, revision, hit?.value);
  }
  // end
}

export async function reads({ DougClient, console }: Given): Promise<void> {
  // block
  const db = await DougClient.connect({ endpoints: ['127.0.0.1:4400'], timeoutMs: 2000 });
  const quick = await db.get('user/1', { consistency: 'eventual' });
  console.log(quick?.value, quick?.ageMs); // an estimate, in milliseconds

  const [ada, nobody] = await db.getMany(['user/1', 'user/9'], { timeoutMs: 500 });
  console.log(ada?.value, nobody); // 'Ada', null
  await db.close();
  // end
}

type Increment = (db: DougClient, key: string) => Promise<number>;
type Rename = (db: DougClient, from: string, to: string) => Promise<boolean>;
type Transfer = (db: DougClient, from: string, to: string, amount: number) => Promise<void>;

export function conditions({ CompareFailedError }: Given): Increment {
  // block
  async function increment(db: DougClient, key: string): Promise<number> {
    for (;;) {
      const hit = await db.get(key);
      const next = Number(hit?.value ?? 0) + 1;
      try {
        await db.put(key, `${next}`, hit ? { ifRevision: hit.revision } : { ifAbsent: true });
        return next;
      } catch (error) {
        if (!CompareFailedError.is(error)) throw error; // else somebody was faster: look again
      }
    }
  }
  // end
  return increment;
}

export function transactions({ compare, del, get, put }: Given): Rename {
  // block
  async function rename(db: DougClient, from: string, to: string): Promise<boolean> {
    const hit = await db.get(from);
    if (hit === null) return false;
    const { succeeded, results } = await db.txn({
      if: [compare(from).revision(hit.revision), compare(to).exists(false)],
      then: [put(to, hit.value), del(from)],
      else: [get(to)],
    });
    if (!succeeded && results?.[0]) throw new Error(`${to} is taken`);
    return succeeded; // false: somebody else has changed `from` meanwhile
  }
  // end
  return rename;
}

export function transacts(): Transfer {
  // block
  async function transfer(db: DougClient, from: string, to: string, amount: number) {
    await db.transact(async (tx) => {
      const payer = Number((await tx.get(from))?.value ?? 0);
      const payee = Number((await tx.get(to))?.value ?? 0);
      if (payer < amount) throw new Error('not enough');
      tx.put(from, `${payer - amount}`);
      tx.put(to, `${payee + amount}`);
    });
  }
  // end
  return transfer;
}

export async function codecs({ DougClient, console }: Given): Promise<void> {
  // block
  const dates: Codec<Date> = {
    encode: (date) => new TextEncoder().encode(date.toISOString()),
    decode: (bytes) => new Date(new TextDecoder().decode(bytes)),
  };
  await using db = await DougClient.connect('127.0.0.1:4400', { codec: dates });
  await db.put('seen/1', new Date(0));
  const seen = await db.get('seen/1');

  const json = db.withCodec('json');
  await json.put('user/7', { name: 'Grace', tags: ['navy'] });
  const { previous } = await json.put('user/7', null, { returnPrevious: true });
  console.log(seen?.value.getTime(), previous?.value); // 0, { name: 'Grace', tags: ['navy'] }
  // end
}

export async function errors({ DougClient, DougError, console }: Given): Promise<void> {
  // block
  await using db = await DougClient.connect('127.0.0.1:4400');
  try {
    await db.put('user/3', 'Eve', { timeoutMs: 50 });
  } catch (error) {
    if (!DougError.is(error)) throw error;
    console.log(error.code, error.outcome); // 'DOUG_IN_DOUBT', 'UNKNOWN': it may have taken effect, or may still
  }
  // end
}

type Load = (db: DougClient, entries: Iterable<[string, string]>) => Promise<void>;

export function watching({ DougError, console }: Given) {
  // block
  async function follow(
    db: DougClient,
    signal: AbortSignal,
    from?: string,
  ): Promise<string | undefined> {
    const watch = db.watch({ prefix: 'user/', from, signal });
    await watch.ready; // what is written from now on will be told
    try {
      for await (const event of watch) console.log(event.type, event.key, event.revision);
    } catch (error) {
      if (!DougError.is(error) || error.code !== 'DOUG_ABORTED') throw error;
    }
    return watch.token; // what the next watch goes on from
  }
  // end
  return follow;
}

export function backPressure(): Load {
  // block
  async function load(db: DougClient, entries: Iterable<[string, string]>): Promise<void> {
    const failed: unknown[] = [];
    const last = new Set<Promise<unknown>>();
    for (const [key, value] of entries) {
      await db.ready();
      const put = db.put(key, value).catch((error: unknown) => failed.push(error));
      last.add(put);
      void put.then(() => last.delete(put));
    }
    await Promise.all(last);
    if (failed.length > 0) throw failed[0];
  }
  // end
  return load;
}

export async function testing({ createMemoryStore, console }: Given): Promise<void> {
  // block
  await using store = createMemoryStore();
  const db = await store.connect();

  store.loseAnswers(); // of the next call: it takes effect, and the client asks again
  await db.put('user/1', 'Ada', { ifAbsent: true });

  store.refuse('PERMISSION_DENIED', { key: 'secret' });
  await db.get('secret').catch((error) => console.log(error.code)); // 'DOUG_PERMISSION_DENIED'

  store.ignore({ kind: 'put' }); // no answer at all
  const late = db.put('user/2', 'Bob', { timeoutMs: 50 });
  await late.catch((error) => console.log(error.outcome)); // 'UNKNOWN'

  console.log(store.entries().length); // 1
  // end
}

export async function virtualTime({
  createMemoryStore,
  SimScheduler,
  SimRandom,
}: Given): Promise<MemoryStore> {
  // block
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const store = createMemoryStore({ clock, random: new SimRandom(1), latencyMs: 5 });
  const db = await scheduler.runWhilePending(store.connect());

  store.loseLeader();
  const put = db.put('user/1', 'Ada', { timeoutMs: 120_000 });
  await scheduler.advance(60_000);
  store.moveLeader();
  await scheduler.runWhilePending(put);
  // end
  return store;
}

// The examples at the heads of the entries.

export async function ofIndex({ DougClient }: Given): Promise<unknown> {
  // src/index.ts
  const db = await DougClient.connect('127.0.0.1:4400,127.0.0.1:4401');
  const { revision } = await db.put('user/1', 'Ada');
  const hit = await db.get('user/1'); // { key, value, revision } or null
  await db.close();
  // end
  return [revision, hit];
}

export async function ofTesting({ createMemoryStore }: Given): Promise<void> {
  // src/testing/index.ts
  await using store = createMemoryStore();
  const db = await store.connect();
  store.loseAnswers(); // the put takes effect once all the same
  await db.put('user/1', 'Ada');
  // end
}

export async function ofCore({
  createClient,
  transport,
  clock,
  random,
}: CoreGiven): Promise<DougClient> {
  // src/core.ts
  const db = await createClient({ transport, clock, random }, { endpoints: ['n1:4400'] });
  // end
  return db;
}
