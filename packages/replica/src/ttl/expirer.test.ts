import { silentLogger, silentMetrics } from '@dougdb/ports';
import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { CommandView, DougError, readCommand } from '@dougdb/rpc-proto';
import { BlockCache, Db, SstError } from '@dougdb/sstable';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { descriptorOf } from '../../test/support/test-node.js';
import type { AnswerSink } from '../contract.js';
import { expiresAtOf, putStored } from '../format/stored-value.js';
import { LogClock } from '../state/log-clock.js';
import { logTimeSpan } from '../state/log-time.js';
import { genesisState } from '../state/replica-state.js';
import { replicaTelemetry } from '../telemetry.js';
import { Expirer } from './expirer.js';
import { type ExpiryBounds, ExpiryQueue } from './expiry-queue.js';
import { RefillTurn } from './refill-turn.js';

const MS = logTimeSpan(1);

/** A database with keys that have a time, and somebody who applies what is proposed. */
class Bench {
  readonly scheduler = new SimScheduler();
  readonly clock = this.scheduler.clock();
  readonly fs = new SimFs({ clock: this.clock });
  readonly logClock = new LogClock(this.clock, silentLogger, 0);
  readonly startTime = this.logClock.stamp();
  readonly state = genesisState(descriptorOf(1), this.startTime);
  readonly queue: ExpiryQueue;
  readonly proposed: { keys: { name: string; revision: number }[]; sink: AnswerSink }[] = [];
  readonly expirer: Expirer;
  /** Expired keys with how late they went, in milliseconds. */
  readonly gone = new Map<string, number>();
  mostKeys = 0;
  mostBytes = 0;
  readonly db: Db;
  #revision = 0;

  private constructor(
    db: (bench: Bench) => Db,
    bounds: ExpiryBounds | undefined,
    turn: RefillTurn,
  ) {
    this.queue = new ExpiryQueue(bounds);
    this.db = db(this);
    this.state.firstTtlRevision = 1;
    this.expirer = new Expirer({
      ...{ state: this.state, queue: this.queue, db: this.db, clock: this.clock },
      ...{ logClock: this.logClock, telemetry: replicaTelemetry(silentMetrics), refillTurn: turn },
      propose: (command, sink) => {
        const view = new CommandView();
        readCommand(command, 0, command.length, view);
        if (view.body?.kind !== 'expire') throw new Error('not an expiry');
        const keys = view.body.expire.keys.map(({ key, revision }) => ({
          name: textOf(key),
          revision,
        }));
        this.proposed.push({ keys, sink });
      },
    });
  }

  static async open(bounds?: ExpiryBounds, turn = new RefillTurn()): Promise<Bench> {
    const scheduler = new SimScheduler();
    const clock = scheduler.clock();
    const opened = await scheduler.runWhilePending(
      Db.open({
        ...{ fs: new SimFs({ clock }), clock, random: new SimRandom(1), logger: silentLogger },
        ...{ dir: '/db', quarantineDir: '/q', identity: Uint8Array.of(1) },
        cache: new BlockCache(1 << 20),
      }),
    );
    return new Bench(() => opened, bounds, turn);
  }

  /** As applying does; before the expirer knew of anything: not told to the queue. */
  put(name: string, ttlMs: number, how: 'told' | 'before' = 'told'): void {
    const revision = ++this.#revision;
    const expiresAt = ttlMs === 0 ? 0 : this.startTime + ttlMs * MS;
    putStored(this.db, revision, bytesOf(name), bytesOf('v'), expiresAt);
    if (how === 'before') return;
    if (expiresAt === 0) this.queue.forget(bytesOf(name));
    else this.queue.add(bytesOf(name), revision, expiresAt);
  }

  /** So many walks over the database fail at their first step. */
  failReads(count: number): void {
    const { db } = this;
    let left = count;
    const versions = db.versions.bind(db);
    db.versions = (options) => {
      const iterator = versions(options);
      if (left-- <= 0) return iterator;
      iterator.step = () => {
        throw new SstError('SST_IO', 'a read failed');
      };
      return iterator;
    };
  }

  /** Applies the oldest proposal as a replica does, and answers it. */
  apply(logTime = this.logClock.stamp()): void {
    const proposal = this.proposed.shift();
    if (proposal === undefined) return;
    this.state.logTime = logTime;
    const revision = ++this.#revision;
    for (const { name, revision: seen } of proposal.keys) {
      const found = this.db.getSync(bytesOf(name));
      if (found === null || found.sequence !== seen) continue;
      const expiresAt = expiresAtOf(found);
      if (expiresAt === 0 || expiresAt > logTime) continue;
      this.db.delete(revision, bytesOf(name));
      this.queue.forget(bytesOf(name));
      this.gone.set(name, (logTime - expiresAt) / MS);
    }
    proposal.sink.looked(0, {
      ...{ revision, compareFailed: false, previousRevision: 0, previousValue: null },
    });
  }

  /** Ticks for so long; every proposal is applied before the next tick. */
  async run(durationMs: number): Promise<void> {
    for (let at = 0; at < durationMs; at += 10) {
      await this.scheduler.advance(10);
      this.expirer.tick();
      this.mostKeys = Math.max(this.mostKeys, this.queue.size);
      this.mostBytes = Math.max(this.mostBytes, this.queue.sizeBytes);
      this.apply();
    }
  }
}

describe('the expirer', () => {
  it('proposes what is over, once at a time, and again if the proposal came to nothing', async () => {
    const bench = await Bench.open();
    bench.put('a', 100);
    bench.put('b', 200);
    await bench.run(50);
    expect(bench.proposed).toEqual([]);
    await bench.scheduler.advance(60);
    bench.expirer.tick();
    await bench.scheduler.advance(100);
    bench.expirer.tick();
    expect(bench.proposed.map(({ keys }) => keys)).toEqual([[{ name: 'a', revision: 1 }]]);
    const lost = new DougError('IN_DOUBT', 'the leader changed', { outcome: 'UNKNOWN' });
    bench.proposed.shift()?.sink.failed(0, lost);
    bench.expirer.tick();
    expect(bench.proposed).toEqual([]);
    await bench.run(200);
    expect([...bench.gone.keys()]).toEqual(['a', 'b']);
  });

  it('reads what it does not know from the database, in slices, and proposes meanwhile', async () => {
    const bench = await Bench.open();
    for (let i = 0; i < 20_000; i++) bench.put(`key${i}`, i % 10 === 0 ? 50 : 0, 'before');
    await bench.run(3000);
    expect(bench.gone.size).toBe(2000);
    expect(bench.queue.isEmpty).toBe(true);
  });

  it('waits for its turn to read, and gives it on', async () => {
    const turn = new RefillTurn();
    const [first, second] = [await Bench.open(undefined, turn), await Bench.open(undefined, turn)];
    for (const bench of [first, second]) bench.put('a', 50, 'before');
    const other = {};
    expect(turn.take(other)).toBe(true);
    await first.run(200);
    expect(first.gone.size).toBe(0);
    turn.give(first);
    expect(turn.take(second)).toBe(false);
    turn.give(other);
    await first.run(20);
    await second.run(200);
    expect([first.gone.size, second.gone.size]).toEqual([1, 1]);
  });

  it('gives its turn back when a read fails, and begins again', async () => {
    const turn = new RefillTurn();
    const bench = await Bench.open(undefined, turn);
    bench.put('a', 50, 'before');
    bench.failReads(1);
    bench.expirer.tick();
    expect(turn.take(turn)).toBe(true);
    turn.give(turn);
    // The failure was one of a read: it begins again a moment later.
    await bench.run(300);
    expect(bench.gone.size).toBe(1);
  });

  it('learns that what it read was old, and forgets it', async () => {
    const bench = await Bench.open();
    bench.put('a', 50, 'before');
    bench.expirer.tick();
    // Was written without a time while it was read: the queue did not know it then.
    const known = bench.queue.due(Number.MAX_SAFE_INTEGER, 10, 100);
    expect(known).toHaveLength(1);
    bench.queue.forget(bytesOf('a'));
    bench.put('a', 0);
    bench.queue.add(bytesOf('a'), 1, bench.startTime + 50 * MS);
    await bench.run(200);
    expect([bench.gone.size, bench.queue.size, bench.proposed.length]).toEqual([0, 0, 0]);
    expect(bench.db.getSync(bytesOf('a'))?.sequence).toBe(2);
  });

  it('proposes again a key that its entry found to be there for a while yet', async () => {
    const bench = await Bench.open();
    bench.put('a', 100);
    await bench.run(90);
    await bench.scheduler.advance(20);
    bench.expirer.tick();
    expect(bench.proposed).toHaveLength(1);
    // The wall clock was set back since the leader looked: by up to a millisecond log time gives way to that.
    bench.apply(bench.startTime + 100 * MS - 1);
    expect([bench.gone.size, bench.queue.size]).toEqual([0, 1]);
    await bench.run(100);
    expect([[...bench.gone.keys()], bench.queue.size]).toEqual([['a'], 0]);
  });

  it('lets 50,000 keys go in time with room for a quarter of them', async () => {
    const bounds = { keys: 12_500, bytes: 12_500 * 200 };
    const bench = await Bench.open(bounds);
    // In no order, over ten seconds; half of them from before.
    for (let i = 0; i < 50_000; i++) {
      bench.put(`key${i}`, 500 + ((i * 7919) % 10_000), i % 2 === 0 ? 'before' : 'told');
    }
    await bench.run(12_000);
    expect(bench.gone.size).toBe(50_000);
    expect(bench.mostKeys).toBeLessThanOrEqual(bounds.keys);
    expect(bench.mostBytes).toBeLessThanOrEqual(bounds.bytes);
    expect(Math.max(...bench.gone.values())).toBeLessThan(1500);
  });
});
