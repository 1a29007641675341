import { DougError } from '@dougdb/client';
import { createClient } from '@dougdb/client/core';
import { FakeCluster, type FakeVerdict } from '@dougdb/client/testing';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { checkHistory } from '../checker/check-history.js';
import { parseHistory } from '../history/parse-history.js';
import { HistoryRecorder } from './history-recorder.js';
import { TextSink } from './history-sink.js';
import {
  type RecordableClient,
  type RecordedPutOptions,
  recordingClient,
} from './recording-client.js';

/** The real client on a cluster in memory, recorded on virtual time. */
async function recordedCluster() {
  const scheduler = new SimScheduler();
  const cluster = new FakeCluster({ clock: scheduler.clock() });
  const ports = { transport: cluster, clock: scheduler.clock(), random: new SimRandom(1) };
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  const plain = await run(createClient(ports, { endpoints: cluster.endpoints, timeoutMs: 500 }));
  const sink = new TextSink();
  const recorder = new HistoryRecorder({ nowNs: () => scheduler.nowUs * 1000, sink });
  const db = recordingClient(plain, recorder, { name: 'c' });
  const seen = () =>
    parseHistory(sink.text).operations.map(({ process, call, status, answer }) => ({
      process,
      ...call,
      status,
      ...answer,
    }));
  return { cluster, plain, db, run, recorder, sink, seen };
}

const fails = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );

describe('recordingClient', () => {
  it('answers as the client does, and writes it down', async () => {
    const { db, run, seen, sink } = await recordedCluster();
    expect(await run(db.put('a', '1'))).toEqual({ revision: 1 });
    expect(await run(db.get('a'))).toEqual({ key: 'a', value: '1', revision: 1 });
    expect(await run(db.delete('a', { timeoutMs: 100 }))).toEqual({ revision: 2 });
    expect(await run(db.get('a', { consistency: 'linearizable' }))).toBeNull();
    const own = { process: 'c.0', key: 'a', status: 'ok' };
    expect(seen()).toEqual([
      { ...own, op: 'put', value: '1' },
      { ...own, op: 'get', value: '1' },
      { ...own, op: 'delete' },
      { ...own, op: 'get', value: null },
    ]);
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('linearizable');
  });

  it('takes one process for each call that is under way', async () => {
    const { db, run, seen } = await recordedCluster();
    await run(Promise.all([db.put('a', '1'), db.put('b', '2'), db.get('c')]));
    await run(db.put('a', '3'));
    expect(new Set(seen().map(({ process }) => process))).toEqual(new Set(['c.0', 'c.1', 'c.2']));
  });

  it('records a refusal as fail and a lost answer as unknown, and throws the same error', async () => {
    const { cluster, db, run, seen } = await recordedCluster();
    const verdicts: FakeVerdict[] = [{ refuse: 'INVALID_ARGUMENT' }];
    cluster.judge = () => verdicts.shift() ?? 'serve';
    expect(await run(fails(db.put('a', '1')))).toMatchObject({ outcome: 'NOT_APPLIED' });
    cluster.judge = () => 'swallow';
    expect(await run(fails(db.put('a', '2')))).toMatchObject({ outcome: 'UNKNOWN' });
    expect(await run(fails(db.get('a')))).toMatchObject({ outcome: 'NOT_APPLIED' });
    expect(await run(fails(db.delete('a')))).toMatchObject({ outcome: 'UNKNOWN' });
    expect(seen()).toEqual([
      { process: 'c.0', op: 'put', key: 'a', value: '1', status: 'fail' },
      { process: 'c.0', op: 'put', key: 'a', value: '2', status: 'unknown' },
      { process: 'c.0/1', op: 'get', key: 'a', status: 'fail' },
      { process: 'c.0/1', op: 'delete', key: 'a', status: 'unknown' },
    ]);
  });

  it('records what is not an error of the client as unknown', async () => {
    const { plain, recorder, seen } = await recordedCluster();
    const broken: RecordableClient = {
      get: () => Promise.reject(new TypeError('a bug')),
      put: () => {
        throw new TypeError('a bug that does not even wait');
      },
      delete: plain.delete.bind(plain),
    };
    const db = recordingClient(broken, recorder, { name: 'x' });
    expect(await fails(db.get('a'))).toBeInstanceOf(TypeError);
    expect(await fails(db.put('a', '1'))).toBeInstanceOf(TypeError);
    expect(seen()).toMatchObject([{ status: 'unknown' }, { process: 'x.0/1', status: 'unknown' }]);
  });

  it('writes a call that is never answered as unknown at the end', async () => {
    const { db, run, recorder, seen, cluster } = await recordedCluster();
    await run(db.put('a', '1'));
    cluster.judge = () => 'swallow';
    const lost = fails(db.put('a', '2'));
    recorder.close();
    expect(await run(lost)).toMatchObject({ outcome: 'UNKNOWN' });
    expect(seen()).toMatchObject([{ status: 'ok' }, { value: '2', status: 'unknown' }]);
  });

  it('finds out what a store does wrong', async () => {
    const { cluster, db, run, sink } = await recordedCluster();
    await run(db.put('a', '1'));
    const lost = {
      revision: 2,
      compareFailed: false,
      previousRevision: 0,
      previousValue: null,
      repeated: false,
      resultKept: true,
    };
    jest.spyOn(cluster.partitionOf('a'), 'apply').mockReturnValueOnce(lost);
    expect(await run(db.put('a', '2'))).toEqual({ revision: 2 });
    expect(await run(db.get('a'))).toMatchObject({ value: '1' });
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('not-linearizable');
  });

  it('refuses what it could only record wrongly', async () => {
    const { db, seen } = await recordedCluster();
    expect(String(await fails(db.get('a', { consistency: 'eventual' })))).toContain('eventual');
    const novel = { ttlMs: 5 } as object;
    for (const call of [db.get('a', novel), db.put('a', '1', novel), db.delete('a', novel)]) {
      expect(String(await fails(call))).toContain('the option ttlMs cannot be recorded');
    }
    expect(String(await fails(db.delete('a', { ifRevision: 1 } as object)))).toContain(
      'ifRevision',
    );
    expect(seen()).toEqual([]);
  });
});

/** What the client does with conditions, as far as they matter here: a register that counts revisions. */
class ConditionalStore implements RecordableClient {
  #value: string | null = null;
  #revision = 0;
  lose: 'nothing' | 'answers' = 'nothing';

  async get(key: string) {
    return this.#value === null ? null : { key, value: this.#value, revision: this.#revision };
  }

  async put(_key: string, value: string, options: RecordedPutOptions = {}) {
    const { ifRevision = null, ifAbsent = false } = options;
    const holds =
      (ifRevision === null || (this.#value !== null && ifRevision === this.#revision)) &&
      (!ifAbsent || this.#value === null);
    if (!holds) throw new DougError('COMPARE_FAILED', 'it moved');
    this.#value = value;
    this.#revision++;
    if (this.lose === 'answers') throw new DougError('IN_DOUBT', 'lost');
    return { revision: this.#revision };
  }

  async delete() {
    this.#value = null;
    return { revision: ++this.#revision };
  }
}

describe('recordingClient and conditional puts', () => {
  const make = () => {
    const store = new ConditionalStore();
    const sink = new TextSink();
    let nowNs = 0;
    const recorder = new HistoryRecorder({ nowNs: () => nowNs++, sink });
    const db = recordingClient(store, recorder, { name: 'c' });
    const swaps = () =>
      parseHistory(sink.text)
        .operations.filter(({ call }) => call.op === 'cas')
        .map(({ call, status, answer }) => ({ ...call, status, ...answer }));
    return { store, sink, recorder, db, swaps };
  };

  it('are swaps of the value that was seen at the revision', async () => {
    const { db, swaps, sink } = make();
    const written = await db.put('a', '1');
    const second = await db.put('a', '2', { ifRevision: written.revision });
    const hit = await db.get('a');
    expect(hit?.revision).toBe(second.revision);
    await db.put('a', '3', { ifRevision: hit?.revision });
    expect(await fails(db.put('a', '4', { ifRevision: written.revision }))).toMatchObject({
      reason: 'COMPARE_FAILED',
    });
    const own = { op: 'cas', key: 'a', status: 'ok' };
    expect(swaps()).toEqual([
      { ...own, expected: '1', value: '2', result: true },
      { ...own, expected: '2', value: '3', result: true },
      { ...own, expected: '1', value: '4', result: false },
    ]);
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('linearizable');
  });

  it('are swaps of absence with ifAbsent', async () => {
    const { db, swaps } = make();
    await db.put('a', '1', { ifAbsent: true });
    await fails(db.put('a', '2', { ifAbsent: true }));
    expect(swaps()).toMatchObject([
      { expected: null, value: '1', result: true },
      { expected: null, value: '2', result: false },
    ]);
  });

  it('have an unknown outcome like any other', async () => {
    const { db, store, swaps } = make();
    const { revision } = await db.put('a', '1');
    store.lose = 'answers';
    await fails(db.put('a', '2', { ifRevision: revision }));
    expect(swaps()).toEqual([
      { op: 'cas', key: 'a', expected: '1', value: '2', status: 'unknown' },
    ]);
  });

  it('need a revision that this client has seen of this key', async () => {
    const { db, swaps } = make();
    const { revision } = await db.put('a', '1');
    expect(String(await fails(db.put('a', '2', { ifRevision: revision + 1 })))).toContain(
      'revision 2 of "a" was not seen by this client',
    );
    expect(String(await fails(db.put('b', '2', { ifRevision: revision })))).toContain('not seen');
    expect(swaps()).toEqual([]);
  });

  it('remember the newest revisions', async () => {
    const { db, swaps } = make();
    const first = await db.put('a', '0');
    let newest = first;
    for (let i = 1; i <= 10_000; i++) newest = await db.put('a', `${i}`);
    expect(String(await fails(db.put('a', 'x', { ifRevision: first.revision })))).toContain(
      'not seen',
    );
    await db.put('a', 'y', { ifRevision: newest.revision });
    expect(swaps()).toMatchObject([{ expected: '10000', value: 'y', result: true }]);
  });
});
