import { CompareFailedError, DougError } from '@dougdb/client';
import { type FakeVerdict, MemoryStore } from '@dougdb/client/testing';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { checkHistory } from '../checker/check-history.js';
import { parseHistory } from '../history/parse-history.js';
import { HistoryRecorder } from './history-recorder.js';
import { TextSink } from './history-sink.js';
import { type RecordableClient, recordingClient } from './recording-client.js';

/** The real client on a store in memory, recorded on virtual time. */
async function recorded() {
  const scheduler = new SimScheduler();
  const store = new MemoryStore({
    clock: scheduler.clock(),
    random: new SimRandom(1),
    latencyMs: 1,
  });
  const { cluster } = store;
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  const plain = await run(store.connect({ timeoutMs: 500 }));
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
  return { cluster, store, plain, db, run, recorder, sink, seen };
}

const fails = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );

describe('recordingClient', () => {
  it('answers as the client does, and writes it down', async () => {
    const { db, run, seen, sink } = await recorded();
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
    const { db, run, seen } = await recorded();
    await run(Promise.all([db.put('a', '1'), db.put('b', '2'), db.get('c')]));
    await run(db.put('a', '3'));
    expect(new Set(seen().map(({ process }) => process))).toEqual(new Set(['c.0', 'c.1', 'c.2']));
  });

  it('records a refusal as fail and a lost answer as unknown, and throws the same error', async () => {
    const { cluster, db, run, seen } = await recorded();
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
    const { plain, recorder, seen } = await recorded();
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
    const { db, run, recorder, seen, cluster } = await recorded();
    await run(db.put('a', '1'));
    cluster.judge = () => 'swallow';
    const lost = fails(db.put('a', '2'));
    recorder.close();
    expect(await run(lost)).toMatchObject({ outcome: 'UNKNOWN' });
    expect(seen()).toMatchObject([{ status: 'ok' }, { value: '2', status: 'unknown' }]);
  });

  it('finds out what a store does wrong', async () => {
    const { cluster, db, run, sink } = await recorded();
    await run(db.put('a', '1'));
    const lost = {
      revision: 2,
      compareFailed: false,
      previousRevision: 0,
      previousValue: null,
      result: null,
      repeated: false,
      resultKept: true,
    };
    jest.spyOn(cluster.partitionOf('a'), 'apply').mockReturnValueOnce(lost);
    expect(await run(db.put('a', '2'))).toEqual({ revision: 2 });
    expect(await run(db.get('a'))).toMatchObject({ value: '1' });
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('not-linearizable');
  });

  it('refuses what it could only record wrongly', async () => {
    const { db, seen } = await recorded();
    expect(String(await fails(db.get('a', { consistency: 'eventual' })))).toContain('eventual');
    const novel = { ttlMs: 5 } as object;
    for (const call of [db.get('a', novel), db.put('a', '1', novel), db.delete('a', novel)]) {
      expect(String(await fails(call))).toContain('the option ttlMs cannot be recorded');
    }
    expect(String(await fails(db.delete('a', { ifAbsent: true } as object)))).toContain('ifAbsent');
    expect(String(await fails(db.get(Uint8Array.of(1))))).toContain('a key of a history is text');
    expect(seen()).toEqual([]);
  });
});

describe('recordingClient and writes that look', () => {
  const own = { process: 'c.0', key: 'a', status: 'ok' };
  const compareFailed = { code: 'DOUG_COMPARE_FAILED' };

  it('records a put with ifRevision as a swap of the value that was seen there', async () => {
    const { db, run, seen, sink } = await recorded();
    const first = await run(db.put('a', '1'));
    const second = await run(db.put('a', '2', { ifRevision: first.revision }));
    const hit = await run(db.get('a'));
    expect(hit?.revision).toBe(second.revision);
    await run(db.put('a', '3', { ifRevision: hit?.revision }));
    const unmet = run(fails(db.put('a', '4', { ifRevision: first.revision })));
    expect(await unmet).toMatchObject(compareFailed);
    expect(seen().filter(({ op }) => op === 'cas')).toEqual([
      { ...own, op: 'cas', expected: '1', value: '2', result: true },
      { ...own, op: 'cas', expected: '2', value: '3', result: true },
      // The error names the revision that stands there, and this client knows what it wrote at it.
      { ...own, op: 'cas', expected: '1', value: '4', result: false, prev: '3' },
    ]);
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('linearizable');
  });

  it('records a put with ifAbsent as a swap of absence', async () => {
    const { db, run, seen } = await recorded();
    await run(db.put('a', '1', { ifAbsent: true }));
    await run(fails(db.put('a', '2', { ifAbsent: true })));
    await run(db.put('a', '3', { ifAbsent: false }));
    expect(seen()).toEqual([
      { ...own, op: 'cas', expected: null, value: '1', result: true },
      { ...own, op: 'cas', expected: null, value: '2', result: false, prev: '1' },
      { ...own, op: 'put', value: '3' },
    ]);
  });

  it('records a delete with ifRevision as a swap that removes', async () => {
    const { db, run, seen } = await recorded();
    const { revision } = await run(db.put('a', '1'));
    const options = { ifRevision: revision, returnPrevious: true, returnExisted: true } as const;
    expect(await run(db.delete('a', options))).toMatchObject({ existed: true });
    expect(await run(fails(db.delete('a', options)))).toMatchObject(compareFailed);
    expect(seen().slice(1)).toEqual([
      { ...own, op: 'cas', expected: '1', value: null, result: true, prev: '1' },
      { ...own, op: 'cas', expected: '1', value: null, result: false, prev: null },
    ]);
  });

  it('records what was there before, and whether anything was', async () => {
    const { db, run, seen, sink } = await recorded();
    const looks = { returnPrevious: true } as const;
    expect(await run(db.put('a', '1', looks))).toMatchObject({ previous: null });
    await run(db.put('a', '2', looks));
    await run(db.delete('a', { ...looks, returnExisted: true }));
    await run(db.delete('a', { returnExisted: true }));
    await run(db.put('a', '3', { ...looks, ifAbsent: true }));
    await run(fails(db.put('a', '4', { ...looks, ifAbsent: true })));
    expect(seen()).toEqual([
      { ...own, op: 'put', value: '1', prev: null },
      { ...own, op: 'put', value: '2', prev: '1' },
      { ...own, op: 'delete', existed: true, prev: '2' },
      { ...own, op: 'delete', existed: false },
      { ...own, op: 'cas', expected: null, value: '3', result: true, prev: null },
      { ...own, op: 'cas', expected: null, value: '4', result: false, prev: '3' },
    ]);
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('linearizable');
  });

  it('knows the values that other clients wrote from what stood in the way', async () => {
    const { db, plain, run, seen } = await recorded();
    await run(plain.put('a', 'theirs'));
    const unmet = await run(fails(db.put('a', '1', { ifAbsent: true, returnPrevious: true })));
    const current = CompareFailedError.is(unmet) ? unmet.current : null;
    await run(db.put('a', '2', { ifRevision: current?.revision }));
    expect(seen().at(-1)).toMatchObject({ expected: 'theirs', value: '2', result: true });
  });

  it('leaves out what the store no longer knows', async () => {
    const { db, run, seen, store, cluster } = await recorded();
    await run(db.put('a', '1'));
    cluster.partitionOf('a').keepsResults = false;
    const looks = { returnPrevious: true } as const;
    store.loseAnswers();
    expect(await run(db.put('a', '2', looks))).toMatchObject({ resultKept: false });
    store.loseAnswers();
    await run(fails(db.put('a', '3', { ...looks, ifAbsent: true })));
    store.loseAnswers();
    await run(db.delete('a', { ...looks, returnExisted: true }));
    expect(seen().slice(1)).toEqual([
      { ...own, op: 'put', value: '2' },
      { ...own, op: 'cas', expected: null, value: '3', result: false },
      { ...own, op: 'delete' },
    ]);
  });

  it('records a lost answer as an unknown swap', async () => {
    const { db, run, cluster, seen } = await recorded();
    const { revision } = await run(db.put('a', '1'));
    cluster.judge = () => 'swallow';
    await run(fails(db.put('a', '2', { ifRevision: revision })));
    expect(seen().at(-1)).toEqual({
      ...own,
      op: 'cas',
      expected: '1',
      value: '2',
      status: 'unknown',
    });
  });

  it('takes an error of a comparison that may have been applied for unknown', async () => {
    const { plain, recorder, seen } = await recorded();
    const unsure = new DougError('COMPARE_FAILED', 'who knows', { outcome: 'UNKNOWN' });
    const broken = {
      get: plain.get.bind(plain),
      put: () => Promise.reject(unsure),
      delete: plain.delete.bind(plain),
    } as RecordableClient;
    const db = recordingClient(broken, recorder, { name: 'x' });
    expect(await fails(db.put('a', '1', { ifAbsent: true }))).toBe(unsure);
    expect(seen()).toMatchObject([{ op: 'cas', status: 'unknown' }]);
  });

  it('needs a revision that this client has seen of this key', async () => {
    const { db, run, seen } = await recorded();
    const { revision } = await run(db.put('a', '1'));
    expect(String(await fails(db.put('a', '2', { ifRevision: revision + 1 })))).toContain(
      'revision 2 of "a" was not seen by this client',
    );
    expect(String(await fails(db.delete('b', { ifRevision: revision })))).toContain('not seen');
    expect(seen()).toHaveLength(1);
  });
});
