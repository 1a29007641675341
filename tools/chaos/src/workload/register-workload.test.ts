import { CompareFailedError, DougError } from '@dougdb/client';
import { createMemoryStore } from '@dougdb/client/testing';
import { SimRandom } from '@dougdb/ports/sim';
import { checkHistory } from '../checker/check-history.js';
import { parseHistory } from '../history/parse-history.js';
import { HistoryRecorder } from '../recorder/history-recorder.js';
import { TextSink } from '../recorder/history-sink.js';
import { KeyRotation } from '../recorder/key-rotation.js';
import { type RecordableClient, recordingClient } from '../recorder/recording-client.js';
import { runRegisterWorkload } from './register-workload.js';

/** Runs so many rounds of the loop of each client on a clock that counts calls. */
async function work(clients: readonly RecordableClient[], rounds: number) {
  let nowMs = 0;
  let left = rounds * clients.length;
  return runRegisterWorkload(
    {
      clients,
      keys: new KeyRotation({ slots: 3 }),
      random: new SimRandom('workload'),
      timeoutMs: 1_000,
      goesOn: () => left-- > 0,
      pause: () => Promise.resolve(),
    },
    () => nowMs++,
  );
}

describe('a workload of registers', () => {
  it('leaves a history of all kinds of operations that is linearizable', async () => {
    await using store = createMemoryStore();
    const sink = new TextSink();
    const recorder = new HistoryRecorder({ nowNs: process.hrtime.bigint, sink });
    const clients = await Promise.all(
      [1, 2, 3].map(async (n) =>
        recordingClient(await store.connect(), recorder, { name: `c${n}` }),
      ),
    );
    const result = await work(clients, 200);
    recorder.close();
    expect(result).toMatchObject({ succeeded: 600, refused: 0, unknown: 0 });
    const history = parseHistory(sink.text);
    expect(new Set(history.operations.map(({ call }) => call.op))).toEqual(
      new Set(['get', 'put', 'delete', 'cas']),
    );
    expect(checkHistory(history).verdict).toBe('linearizable');
  });

  it('counts a comparison as a success, a refusal and a doubt apart', async () => {
    const failing = (error: DougError): RecordableClient => ({
      get: () => Promise.reject(error),
      put: () => Promise.reject(error),
      delete: () => Promise.reject(error),
    });
    const refused = new DougError('BUSY', 'test');
    const doubt = new DougError('IN_DOUBT', 'test', { outcome: 'UNKNOWN' });
    const compared = new CompareFailedError(null);
    expect(await work([failing(refused)], 10)).toMatchObject({ succeeded: 0, refused: 10 });
    expect(await work([failing(doubt)], 10)).toMatchObject({ succeeded: 0, unknown: 10 });
    expect(await work([failing(compared)], 10)).toMatchObject({ succeeded: 10, refused: 0 });
  });

  it('tells the longest time without a success, the one at the end too', async () => {
    const refused = new DougError('BUSY', 'test');
    const never: RecordableClient = {
      get: () => Promise.reject(refused),
      put: () => Promise.reject(refused),
      delete: () => Promise.reject(refused),
    };
    expect((await work([never], 5)).longestGapMs).toBeGreaterThan(0);
  });

  it('passes on what is no error of the client', async () => {
    const broken = () => Promise.reject(new TypeError('a bug'));
    const client: RecordableClient = { get: broken, put: broken, delete: broken };
    await expect(work([client], 1)).rejects.toThrow('a bug');
  });
});
