import { CompareFailedError, DougError } from '@dougdb/client';
import { createMemoryStore } from '@dougdb/client/testing';
import { SimRandom } from '@dougdb/ports/sim';
import { checkHistory } from '../checker/check-history.js';
import { parseHistory } from '../history/parse-history.js';
import { HistoryRecorder } from '../recorder/history-recorder.js';
import { TextSink } from '../recorder/history-sink.js';
import { KeyRotation } from '../recorder/key-rotation.js';
import { recordingClient } from '../recorder/recording-client.js';
import { type CountingClient, runCounterWorkload } from './counter-workload.js';

/** Runs so many steps on a clock that moves by one with each look. */
async function work(clients: readonly CountingClient[], steps: number) {
  let nowMs = 0;
  let left = steps;
  return runCounterWorkload({
    clients,
    keys: new KeyRotation({ slots: 2 }),
    plainKeys: ['plain'],
    random: new SimRandom('counters'),
    nowMs: () => nowMs++,
    goesOn: () => left-- > 0,
    pause: () => Promise.resolve(),
  });
}

function failing(error: Error): CountingClient {
  const fail = () => Promise.reject(error);
  return { recorded: { get: fail, put: fail, delete: fail }, increment: fail };
}

describe('a workload of counters', () => {
  it('counts exactly, with a history that is linearizable', async () => {
    await using store = createMemoryStore();
    const sink = new TextSink();
    const recorder = new HistoryRecorder({ nowNs: process.hrtime.bigint, sink });
    let plain = 0;
    const clients = await Promise.all(
      [1, 2, 3].map(async (n) => ({
        recorded: recordingClient(await store.connect(), recorder, { name: `c${n}` }),
        increment: () => Promise.resolve(++plain),
      })),
    );
    const { counted, unknown, refused } = await work(clients, 600);
    recorder.close();
    expect([unknown, refused]).toEqual([0, 0]);
    const reader = await store.connect();
    const stored = new Map<string, number>([['plain', plain]]);
    for (const key of counted.keys()) {
      if (key !== 'plain') stored.set(key, Number((await reader.get(key))?.value));
    }
    expect(stored).toEqual(counted);
    expect(counted.size).toBeGreaterThan(2);
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('linearizable');
  });

  it('tells refusals, doubts and lost comparisons apart', async () => {
    const refused = await work([failing(new DougError('BUSY', 'test'))], 10);
    expect(refused).toMatchObject({ refused: 10, unknown: 0, conflicts: 0 });
    const doubt = new DougError('IN_DOUBT', 'test', { outcome: 'UNKNOWN' });
    expect(await work([failing(doubt)], 10)).toMatchObject({ unknown: 10, refused: 0 });
    const conflict = await work([failing(new CompareFailedError(null))], 10);
    expect(conflict).toMatchObject({ conflicts: 10, refused: 0 });
    expect(conflict.counted.size).toBe(0);
  });

  it('passes on what is no error of the client', async () => {
    await expect(work([failing(new TypeError('a bug'))], 1)).rejects.toThrow('a bug');
  });

  it('keeps the long times without a success, of each client', async () => {
    let nowMs = 0;
    let steps = 0;
    const slow: CountingClient = {
      ...failing(new Error('not called')),
      increment: () => {
        nowMs += ++steps === 3 ? 700 : 10;
        return Promise.resolve(steps);
      },
    };
    const { gaps } = await runCounterWorkload({
      clients: [slow],
      keys: new KeyRotation({ slots: 1 }),
      plainKeys: ['plain'],
      random: { ...new SimRandom('x'), next: () => 0 } as unknown as SimRandom,
      nowMs: () => nowMs,
      goesOn: () => steps < 5,
      pause: () => Promise.resolve(),
    });
    expect(gaps).toEqual([{ client: 0, fromMs: 20, toMs: 720 }]);
  });
});
