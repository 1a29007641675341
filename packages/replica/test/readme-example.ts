import { silentLogger, silentMetrics } from '@dougdb/ports';
import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { type AnswerSink, defaultReplicaSettings, logTimeOf, Replica } from '@dougdb/replica';
import { encodePut, LINEARIZABLE, ReplicaRole } from '@dougdb/rpc-proto';
import { BlockCache, Db } from '@dougdb/sstable';
import { Wal } from '@dougdb/wal';

/** One replica of one partition, alone, on simulated disks: writes a key and reads it. */
export async function example(): Promise<string[]> {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const fs = new SimFs({ clock });
  const random = new SimRandom(1);
  const ports = { fs, clock, random, logger: silentLogger, metrics: silentMetrics };
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  const quarantineDir = '/quarantine';
  const { wal } = await run(
    Wal.open({ ...ports, dir: '/wal', quarantineDir, segmentBytes: 1 << 20 }),
  );
  const cache = new BlockCache(1 << 20);
  const identity = new Uint8Array([1]);
  const db = await run(Db.open({ ...ports, dir: '/db', quarantineDir, identity, cache }));
  const values = new Map<number, Uint8Array>(); // a hard state store must be durable: this one is not

  const replica = await run(
    Replica.open({
      ...ports,
      db,
      wal,
      clusterId: new Uint8Array(16),
      nodeId: 1,
      replicaId: 11,
      descriptor: {
        partitionId: 2,
        keyspace: 1,
        start: new Uint8Array(0),
        end: new Uint8Array(0),
        epoch: { version: 1, conf: 1 },
        replicas: [{ replicaId: 11, nodeId: 1, role: ReplicaRole.REPLICA_ROLE_VOTER }],
      },
      genesisLogTime: logTimeOf(clock.wallMs()),
      hardState: {
        get: (id) => values.get(id) ?? null,
        put: async (id, value) => void values.set(id, value),
        replicaIds: () => [...values.keys()],
        close: async () => {},
      },
      transport: { send: () => {} }, // there are no others
      justMade: true,
      settings: defaultReplicaSettings,
      onFatal: (error) => console.error('the process must end', error),
    }),
  );
  await scheduler.advance(10); // an only voter leads as soon as its log is replayed

  const told: string[] = [];
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const sink: AnswerSink = {
    written: (id, revision) => void told.push(`${id}: written at revision ${revision}`),
    looked: (id, { compareFailed, previousRevision }) =>
      void told.push(`${id}: ${compareFailed ? 'not met' : 'met'}, found ${previousRevision}`),
    found: (id, value) => void told.push(`${id}: ${text(value)}`),
    absent: (id) => void told.push(`${id}: absent`),
    failed: (id, error) => void told.push(`${id}: ${error.code}`),
  };
  const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
  const command = encodePut(null, bytes('user/1'), bytes('Ada'));
  const deadlineMs = clock.monotonicMs() + 1000;
  replica.write(command, 0, command.length, 0, deadlineMs, sink, 1);
  await scheduler.advance(10);
  replica.get(bytes('user/1'), LINEARIZABLE, 0, deadlineMs, sink, 2);
  await scheduler.advance(10);
  const careful = encodePut(null, bytes('user/1'), bytes('Eve'), { ifAbsent: true });
  replica.write(careful, 0, careful.length, 0, deadlineMs, sink, 3);
  await scheduler.advance(10);
  await run(replica.close());
  return told;
}
