import { silentLogger, silentMetrics } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import type { Append } from '@dougdb/raft-core';
import { type DurableCallback, type Wal, WalError } from '@dougdb/wal';
import { replicaTelemetry } from '../telemetry.js';
import { AppendQueue } from './append-queue.js';
import { HardStateKeeper } from './hard-state-keeper.js';

/** A WAL that makes durable, in any order, what the test says. */
class ScriptedWal {
  readonly appended: string[] = [];
  readonly syncs: DurableCallback[] = [];
  refuse: WalError | null = null;

  append(_id: number, entries: readonly { index: number }[], hint: number): void {
    if (this.refuse !== null) throw this.refuse;
    this.appended.push(`${entries.map((entry) => entry.index).join(',')} hint ${hint}`);
  }
  sync(onDurable: DurableCallback): void {
    this.syncs.push(onDurable);
  }
}

function queueOn(wal: ScriptedWal): {
  queue: AppendQueue;
  durable: number[];
  fatal: unknown[];
  scheduler: SimScheduler;
} {
  const durable: number[] = [];
  const fatal: unknown[] = [];
  const scheduler = new SimScheduler();
  const queue = new AppendQueue({
    wal: wal as unknown as Wal,
    replicaId: 1,
    keeper: new HardStateKeeper({} as never, 1, { term: 9, vote: 0, counter: 1 }),
    clock: scheduler.clock(),
    logger: silentLogger,
    telemetry: replicaTelemetry(silentMetrics),
    onDurable: (ticket) => durable.push(ticket),
    onFatal: (error) => fatal.push(error),
  });
  return { queue, durable, fatal, scheduler };
}

function append(ticket: number, indexes: readonly number[], commit = 0): Append {
  const entries = indexes.map((index) => ({
    term: 1,
    index,
    type: 0 as const,
    data: new Uint8Array([1]),
    checksum: 0,
  }));
  return { ticket, entries, commit, snapshot: null };
}

describe('AppendQueue', () => {
  it('INVARIANT(conf-durably-committed): hands the commit index to the log with the entries', () => {
    const wal = new ScriptedWal();
    queueOn(wal).queue.add(append(1, [5, 6], 4));
    expect(wal.appended).toEqual(['5,6 hint 4']);
  });

  it('reports tickets in order, those without entries too', () => {
    const wal = new ScriptedWal();
    const { queue, durable } = queueOn(wal);
    queue.add(append(1, []));
    expect(durable).toEqual([1]);
    queue.add(append(2, [5]));
    queue.add(append(3, []));
    queue.add(append(4, [6]));
    expect(queue.oldestSinceMs).toBe(0);
    wal.syncs[1]?.(null);
    expect(durable).toEqual([1]);
    wal.syncs[0]?.(null);
    expect(durable).toEqual([1, 4]);
    expect(queue.oldestSinceMs).toBeNull();
  });

  it.each(['WAL_NO_SPACE', 'WAL_BUSY'] as const)(
    'holds back what the log refuses with %s, in order, and loses nothing',
    (code) => {
      const wal = new ScriptedWal();
      const { queue, durable, fatal } = queueOn(wal);
      wal.refuse = new WalError(code, 'full');
      queue.add(append(1, [5]));
      queue.add(append(2, []));
      queue.add(append(3, [6]));
      expect([queue.isOutOfSpace, wal.appended, durable]).toEqual([true, [], []]);
      queue.retry();
      expect(queue.isOutOfSpace).toBe(true);
      wal.refuse = null;
      queue.retry();
      expect([queue.isOutOfSpace, wal.appended]).toEqual([false, ['5 hint 0', '6 hint 0']]);
      for (const sync of wal.syncs) sync(null);
      expect(durable).toEqual([2, 3]);
      expect(fatal).toEqual([]);
    },
  );

  it('passes the end of the log on, and reports nothing durable', () => {
    const wal = new ScriptedWal();
    const { queue, durable, fatal } = queueOn(wal);
    queue.add(append(1, [5]));
    const failure = new WalError('WAL_FAILED', 'EIO');
    wal.syncs[0]?.(failure);
    expect([durable, fatal]).toEqual([[], [failure]]);
    wal.refuse = failure;
    expect(() => queue.add(append(2, [6]))).toThrow('EIO');
  });

  it('INVARIANT(term-before-entries): refuses entries of a term that is not durable', () => {
    const wal = new ScriptedWal();
    const early = append(1, [5]);
    const entries = early.entries.map((entry) => ({ ...entry, term: 10 }));
    expect(() => queueOn(wal).queue.add({ ...early, entries })).toThrow('term-before-entries');
    expect(wal.appended).toEqual([]);
  });

  it('is silent after close', () => {
    const wal = new ScriptedWal();
    const { queue, durable, fatal } = queueOn(wal);
    queue.add(append(1, [5]));
    queue.close();
    wal.syncs[0]?.(new WalError('WAL_CLOSED', 'closed'));
    expect([durable, fatal]).toEqual([[], []]);
  });
});
