import { silentLogger, silentMetrics } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import { EVENTUAL, PartitionDescriptor } from '@dougdb/rpc-proto';
import type { Db, Found } from '@dougdb/sstable';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { brief, RecordingSink } from '../../test/support/sink.js';
import { defaultReplicaSettings } from '../contract.js';
import type { Leadership } from '../raft/leadership.js';
import { Refusals } from '../refusals.js';
import { ServiceGate } from '../service-gate.js';
import { genesisState } from '../state/replica-state.js';
import { replicaTelemetry } from '../telemetry.js';
import { ReadFront } from './read-front.js';
import type { Reads } from './reads.js';
import { TableReader } from './table-reader.js';

describe('ReadFront', () => {
  it('keeps the key of a read that waits for a disk: the caller uses its bytes again', async () => {
    const refusals = new Refusals(() => ({}) as never);
    const gate = new ServiceGate(silentLogger, refusals);
    gate.moveTo('serving');
    let finish: () => void = () => undefined;
    const get = (key: Uint8Array): Promise<Found> =>
      new Promise((resolve) => {
        finish = () => resolve({ value: key.slice(), sequence: 1, marked: false });
      });
    const db = { get } as unknown as Db;
    const telemetry = replicaTelemetry(silentMetrics);
    const front = new ReadFront({
      gate,
      state: genesisState(PartitionDescriptor.decode(new Uint8Array(0)), 0),
      db,
      reads: { open: 0 } as Reads,
      leadership: {} as Leadership,
      tables: new TableReader({ db, refusals, telemetry, onCorrupt: () => undefined }),
      clock: new SimScheduler().clock(),
      settings: defaultReplicaSettings,
      refusals,
      wake: () => undefined,
    });
    const sink = new RecordingSink();
    const key = bytesOf('key');
    front.get(key, EVENTUAL, 0, 100, sink, 1);
    key.fill(0);
    finish();
    expect(brief(await sink.answer(1))).toBe(`found ${textOf(bytesOf('key'))} 1`);
  });
});
