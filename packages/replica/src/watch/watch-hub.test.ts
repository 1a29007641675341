import { silentLogger, silentMetrics } from '@dougdb/ports';
import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { EncodedWatchEvents } from '@dougdb/rpc-proto';
import { encodeWatchEvents, type PartitionDescriptor, WatchResponse } from '@dougdb/rpc-proto';
import { BlockCache, Db, type LookOptions, type VersionsOptions } from '@dougdb/sstable';
import type { ReadWaiter } from '../read/read-batch.js';
import { TableReader } from '../read/table-reader.js';
import { Refusals } from '../refusals.js';
import { ServiceGate } from '../service-gate.js';
import { genesisState, type ReplicaState } from '../state/replica-state.js';
import { replicaTelemetry } from '../telemetry.js';
import { defaultWatchSettings, type WatchHandle, type WatchOptions } from './contract.js';
import { WatchHub } from './watch-hub.js';
import { positionAt } from './watch-position.js';
import { WindowBudget } from './window-budget.js';

const NONE = new Uint8Array(0);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);
const descriptor: PartitionDescriptor = {
  ...{ partitionId: 2, keyspace: 1, start: NONE, end: NONE, replicas: [] },
  epoch: { version: 1, conf: 1 },
};

interface Told {
  readonly list: string[];
  readonly handle: WatchHandle;
  over: string | null;
}

/** A hub on a real database, whose slices are over as soon as somebody looks at the clock. */
class Fixture {
  readonly state: ReplicaState = genesisState(descriptor, 1);
  readonly hub: WatchHub;
  readonly budget = new WindowBudget(8000, 4000);
  /** While it is set, looks wait for a disk: until the function is called. */
  slowLooks: (() => void)[] | null = null;
  readonly #db: Db;
  /** Called when a watch was told something. */
  onEvents: () => void = () => undefined;
  #nowMs = 0;

  constructor(real: Db) {
    this.#db = real;
    const db = {
      versions: (options: VersionsOptions) => real.versions(options),
      look: async (key: Uint8Array, options: LookOptions) => {
        await new Promise<void>((resolve) => {
          if (this.slowLooks === null) resolve();
          else this.slowLooks.push(resolve);
        });
        return real.look(key, options);
      },
    } as Db;
    const refusals = new Refusals(() => ({
      partition: descriptor,
      leaderNodeId: 0,
      nodes: [],
      logTime: 1,
    }));
    const telemetry = replicaTelemetry(silentMetrics);
    const onCorrupt = (error: unknown): void => {
      throw error;
    };
    this.hub = new WatchHub({
      ...{ db, refusals, telemetry, state: this.state, sliceMs: 0, budget: this.budget },
      gate: servingGate(refusals),
      reads: { addWaiter: (waiter: ReadWaiter) => waiter.ready({ served: 1, ageMs: 0 }) },
      tables: new TableReader({ db, refusals, telemetry, onCorrupt }),
      clock: { monotonicMs: () => ++this.#nowMs },
      settings: { ...defaultWatchSettings, ringBytes: 4000, batchBytes: 300, windowEvents: 10 },
      wake: () => undefined,
    });
  }

  watch(more: Partial<WatchOptions> = {}): Told {
    const told: { list: string[]; over: string | null; handle?: WatchHandle } = {
      list: [],
      over: null,
    };
    told.handle = this.hub.open(
      {
        ...{ start: NONE, end: NONE, from: null, noPuts: false, noDeletes: false },
        ...{ previous: false, creditBytes: 0, ...more },
      },
      0,
      1e9,
      {
        isFull: false,
        opened: () => undefined,
        mark: () => undefined,
        events: (events: EncodedWatchEvents) => {
          for (const { kv } of WatchResponse.decode(encodeWatchEvents(1, NONE, events, NONE))
            .events) {
            told.list.push(`${text(kv?.key)}@${kv?.revision}`);
          }
          this.onEvents();
        },
        ended: ({ reason }) => {
          told.over = reason;
        },
      },
    );
    return told as Told;
  }

  write(count: number): void {
    for (let n = 0; n < count; n++) {
      const revision = ++this.state.revision;
      const key = bytes(`k${revision % 7}`);
      const value = new Uint8Array(40);
      this.#db.put(revision, key, value);
      if (this.hub.changes.isOn) this.hub.changes.put(revision, key, value, 0);
    }
  }

  turnsUntilIdle(): number {
    let turns = 1;
    while (this.hub.turn()) if (++turns > 100_000) throw new Error('it does not end');
    return turns;
  }

  expected(after: number): string[] {
    return Array.from({ length: this.state.revision - after }, (_, n) => {
      const revision = after + 1 + n;
      return `k${revision % 7}@${revision}`;
    });
  }
}

function servingGate(refusals: Refusals): ServiceGate {
  const gate = new ServiceGate(silentLogger, refusals);
  gate.moveTo('serving');
  return gate;
}

async function withFixture(run: (fixture: Fixture) => void | Promise<void>): Promise<void> {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const db = await scheduler.runWhilePending(
    Db.open({
      ...{ fs: new SimFs({ clock }), clock, random: new SimRandom(1), dir: '/db' },
      ...{
        quarantineDir: '/quarantine',
        identity: Uint8Array.of(1),
        cache: new BlockCache(1 << 20),
      },
    }),
  );
  const fixture = new Fixture(db);
  await run(fixture);
  fixture.hub.endAll(
    new Refusals(() => ({
      partition: descriptor,
      leaderNodeId: 0,
      nodes: [],
      logTime: 1,
    })).starting(),
  );
  expect([fixture.budget.takenBytes, db.stats().iterators]).toEqual([0, 0]);
  await scheduler.runWhilePending(db.close());
}

describe('watches whose turn comes late', () => {
  it('read again what the ring has forgotten since it matched', () =>
    withFixture((fixture) => {
      const all = Array.from({ length: 6 }, () => fixture.watch());
      for (let round = 0; round < 12; round++) {
        // Half of what the ring holds; one watch has its turn.
        fixture.write(12);
        fixture.hub.turn();
      }
      fixture.turnsUntilIdle();
      for (const { list } of all) expect(list).toEqual(fixture.expected(0));
    }));

  it('read again what the ring has forgotten before it was matched', () =>
    withFixture((fixture) => {
      const all = Array.from({ length: 6 }, () => fixture.watch());
      fixture.write(5);
      fixture.hub.turn();
      fixture.write(200);
      fixture.turnsUntilIdle();
      fixture.write(200);
      fixture.turnsUntilIdle();
      for (const { list } of all) expect(list).toEqual(fixture.expected(0));
    }));

  it('read again what the ring has forgotten while they looked at what was there before', () =>
    withFixture(async (fixture) => {
      for (const later of [0, 3]) {
        const from = fixture.state.revision;
        const watch = fixture.watch({ previous: true });
        const looks: (() => void)[] = [];
        fixture.slowLooks = looks;
        fixture.write(1);
        fixture.hub.turn();
        expect(looks.length).toBe(1);
        fixture.write(200);
        fixture.hub.turn();
        fixture.write(later);
        fixture.hub.turn();
        fixture.slowLooks = null;
        looks[0]?.();
        for (let turn = 0; turn < 2_000 && watch.list.length < 201 + later; turn++) {
          await Promise.resolve();
          fixture.hub.turn();
        }
        expect(watch.list).toEqual(fixture.expected(from));
        watch.handle.cancel();
      }
    }));

  it('read again what the ring has forgotten before it was matched, with all told that was', async () => {
    // Among these counts are those at which a batch is full with the last change that was matched.
    for (let count = 1; count <= 12; count++) {
      await withFixture((fixture) => {
        const watch = fixture.watch();
        fixture.write(count);
        fixture.hub.turn();
        fixture.write(200);
        fixture.turnsUntilIdle();
        expect(watch.list).toEqual(fixture.expected(0));
      });
    }
  });

  it('share the windows, whoever has no credit, ends or waits', () =>
    withFixture((fixture) => {
      fixture.write(300);
      const from = positionAt(20);
      const all = Array.from({ length: 12 }, (_, n) =>
        fixture.watch({ from, creditBytes: n % 3 === 0 ? 200 : 0 }),
      );
      for (let turn = 0; turn < 40; turn++) fixture.hub.turn();
      const [, , gone] = all;
      gone?.handle.cancel();
      fixture.turnsUntilIdle();
      const slow = all.filter((_, n) => n % 3 === 0);
      const rest = all.filter((one, n) => n % 3 !== 0 && one !== gone);
      for (const { list } of rest) expect(list).toEqual(fixture.expected(20));
      for (const { list } of slow) expect(list.length).toBeLessThan(10);
      for (const { handle } of slow) handle.give(1e9);
      fixture.turnsUntilIdle();
      for (const { list } of slow) expect(list).toEqual(fixture.expected(20));
    }));

  it('end where history was forgotten meanwhile, and say so', () =>
    withFixture((fixture) => {
      fixture.write(100);
      const slow = fixture.watch({ from: positionAt(0), creditBytes: 1 });
      const good = fixture.watch({ from: positionAt(50) });
      fixture.turnsUntilIdle();
      fixture.state.historyFloor = 40;
      fixture.write(100);
      slow.handle.give(1e9);
      fixture.turnsUntilIdle();
      expect(fixture.watch({ from: positionAt(39) }).over).toBe('COMPACTED');
      // A window that was read before shows what it holds; behind it the floor counts.
      expect([slow.over, good.over]).toEqual(['COMPACTED', null]);
      expect(slow.list).toEqual(fixture.expected(0).slice(0, slow.list.length));
      expect(slow.list.length).toBeLessThan(40);
      expect(good.list).toEqual(fixture.expected(50));
    }));
});

describe('a watch', () => {
  it.each([
    ['at its last credit', { creditBytes: 100 }],
    ['behind a window', { from: positionAt(5) }],
  ])('that its reader cancels as it is told of a change, %s, is over', (_when, more) =>
    withFixture((fixture) => {
      fixture.watch().handle.cancel();
      fixture.write(150);
      const watch = fixture.watch({ from: positionAt(5), ...more });
      fixture.onEvents = () => watch.handle.cancel();
      fixture.turnsUntilIdle();
      const told = watch.list.length;
      expect(told).toBeGreaterThan(0);
      fixture.hub.tick(1e9);
      expect([fixture.hub.load.watches, fixture.hub.load.slow]).toEqual([0, 0]);
      expect([watch.list.length, watch.over]).toEqual([told, null]);
    }),
  );

  it('ends with its partition as it was: at another epoch it goes on from where it is', () =>
    withFixture((fixture) => {
      const { state, hub } = fixture;
      const watch = fixture.watch();
      fixture.write(3);
      fixture.turnsUntilIdle();
      hub.tick(1);
      expect(watch.over).toBeNull();
      state.descriptor = { ...descriptor, epoch: { version: 2, conf: 1 } };
      hub.tick(2);
      expect(watch.over).toBe('EPOCH_MISMATCH');
      const again = fixture.watch({ from: positionAt(3) });
      fixture.write(1);
      fixture.turnsUntilIdle();
      hub.tick(3);
      expect([again.list, again.over]).toEqual([['k4@4'], null]);
    }));
});
