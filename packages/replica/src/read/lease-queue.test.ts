import { silentMetrics } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import type { RawNode } from '@dougdb/raft-core';
import { Consistency, DougError } from '@dougdb/rpc-proto';
import type { Db, Found } from '@dougdb/sstable';
import { bytesOf } from '../../test/support/commands.js';
import { brief, RecordingSink } from '../../test/support/sink.js';
import type { ReadMark } from '../contract.js';
import { Refusals } from '../refusals.js';
import { replicaTelemetry } from '../telemetry.js';
import { LeaseQueue } from './lease-queue.js';
import type { ReadWaiter } from './read-batch.js';
import type { ReadQueue } from './read-queue.js';
import { TableReader } from './table-reader.js';

/** A queue on a core with a lease at will; rounds only remember what they are given. */
class Bench {
  readonly sink = new RecordingSink();
  leaseIndex: number | null = 7;
  isValid = true;
  refused: DougError | null = null;
  found: (key: Uint8Array) => Found | null | Promise<Found | null> = (value) => ({
    value,
    sequence: 1,
    marked: false,
  });
  readonly inRounds: (number | ReadWaiter)[] = [];
  wakes = 0;
  readonly queue: LeaseQueue;

  constructor() {
    const core = { leaseReadIndex: () => this.leaseIndex, leaseValid: () => this.isValid };
    const refusals = new Refusals(() => ({}) as never);
    const rounds = {
      add: (_key: Uint8Array, _deadlineMs: number, _sink: unknown, id: number) =>
        this.inRounds.push(id),
      addWaiter: (waiter: ReadWaiter) => this.inRounds.push(waiter),
    };
    this.queue = new LeaseQueue({
      core: core as unknown as RawNode,
      clock: new SimScheduler().clock(),
      tables: new TableReader({
        db: { get: (key: Uint8Array) => this.found(key) } as unknown as Db,
        refusals,
        telemetry: replicaTelemetry(silentMetrics),
        onCorrupt: () => undefined,
      }),
      rounds: rounds as unknown as ReadQueue,
      refuse: () => this.refused,
      wake: () => {
        this.wakes++;
      },
    });
  }

  add(...ids: number[]): void {
    for (const id of ids) this.queue.add(bytesOf(`key${id}`), 100, this.sink, id);
  }

  serve(applied: number, most = 1000): boolean {
    let served = 0;
    return this.queue.serve(applied, () => ++served >= most);
  }

  get told(): string {
    return [...this.sink.answers].map(([id, answer]) => `${id}: ${brief(answer)}`).join(', ');
  }
}

function waiter(): ReadWaiter & { readonly log: (ReadMark | string)[] } {
  const log: (ReadMark | string)[] = [];
  return {
    log,
    deadlineMs: 50,
    ready: (mark) => log.push(mark),
    failed: (error) => log.push(error.reason),
  };
}

describe('LeaseQueue', () => {
  it('serves a turn when the commit index of its beginning is applied, under the lease', () => {
    const bench = new Bench();
    bench.add(1, 2);
    bench.queue.startTurn();
    bench.add(3);
    bench.serve(6);
    expect([bench.told, bench.queue.open]).toEqual(['', 3]);
    expect(bench.serve(7, 1)).toBe(true);
    expect(bench.serve(7)).toBe(false);
    expect(bench.told).toBe('1: found key1 1, 2: found key2 1');
    expect(bench.sink.answers.get(1)).toMatchObject({
      mark: { served: Consistency.CONSISTENCY_LEASE, ageMs: 0 },
    });
    bench.leaseIndex = 9;
    bench.queue.startTurn();
    bench.serve(8);
    expect(bench.queue.open).toBe(1);
    bench.serve(9);
    expect(bench.queue.open).toBe(0);
  });

  it('hands to the rounds what comes without a lease, waiters too', () => {
    const bench = new Bench();
    bench.leaseIndex = null;
    // What the second look would say does not matter: there is no index to wait for.
    bench.add(1);
    const scan = waiter();
    bench.queue.addWaiter(scan);
    bench.queue.startTurn();
    expect(bench.inRounds).toEqual([scan, 1]);
    expect([bench.queue.open, scan.log]).toEqual([0, []]);
  });

  it('INVARIANT(lease-checked-twice): hands to the rounds what it cannot answer under the lease any more', () => {
    const bench = new Bench();
    bench.add(1, 2);
    const scan = waiter();
    bench.queue.addWaiter(scan);
    bench.queue.startTurn();
    bench.isValid = false;
    bench.serve(7);
    expect([bench.told, bench.inRounds, scan.log]).toEqual(['', [scan, 1, 2], []]);
    expect(bench.wakes).toBeGreaterThan(0);
  });

  it('looks again after a wait for a disk, not before it', async () => {
    const bench = new Bench();
    const ends: ((found: Found | null) => void)[] = [];
    bench.found = () => new Promise((resolve) => ends.push(resolve));
    bench.add(1, 2);
    bench.queue.startTurn();
    bench.serve(7);
    ends[0]?.({ value: bytesOf('v'), sequence: 3, marked: false });
    expect(brief(await bench.sink.answer(1))).toBe('found v 3');
    bench.isValid = false;
    ends[1]?.(null);
    await Promise.resolve();
    await Promise.resolve();
    expect([bench.told, bench.inRounds]).toEqual(['1: found v 3', [2]]);
  });

  it('refuses at the moment of the answer what is not here any more', () => {
    const bench = new Bench();
    bench.add(1);
    bench.queue.startTurn();
    bench.refused = new DougError('EPOCH_MISMATCH', 'moved');
    bench.serve(7);
    expect(bench.told).toBe('1: EPOCH_MISMATCH NOT_APPLIED');
  });

  it('lets waiters go on under the lease, tells those who are late, and all when the service ends', () => {
    const bench = new Bench();
    const scans = [waiter(), waiter(), waiter()] as const;
    bench.queue.addWaiter(scans[0]);
    bench.queue.startTurn();
    bench.serve(7);
    expect(scans[0].log).toEqual([{ served: Consistency.CONSISTENCY_LEASE, ageMs: 0 }]);
    bench.queue.addWaiter(scans[1]);
    bench.queue.startTurn();
    const late = (): DougError => new DougError('DEADLINE', 'late');
    bench.queue.expire(49, late);
    expect(scans[1].log).toEqual([]);
    bench.queue.expire(50, late);
    bench.queue.addWaiter(scans[2]);
    bench.add(4);
    bench.queue.failAll(new DougError('CORRUPT', 'gone'));
    expect([scans[1].log, scans[2].log]).toEqual([['DEADLINE'], ['CORRUPT']]);
    expect([bench.told, bench.queue.open]).toEqual(['4: CORRUPT NOT_APPLIED', 0]);
  });
});
