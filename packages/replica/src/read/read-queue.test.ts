import { silentMetrics } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import type { DropReason, RawNode } from '@dougdb/raft-core';
import { DougError } from '@dougdb/rpc-proto';
import { bytesOf } from '../../test/support/commands.js';
import { brief, RecordingSink } from '../../test/support/sink.js';
import { Refusals } from '../refusals.js';
import { replicaTelemetry } from '../telemetry.js';
import { ReadQueue } from './read-queue.js';
import { linearizableTerms } from './read-terms.js';

/** A queue on a core that numbers its rounds, and a table in which each key holds itself. */
class Bench {
  readonly sink = new RecordingSink();
  rounds = 0;
  refuse: DropReason | null = null;
  readonly queue: ReadQueue;
  readonly points = {
    wantsPoint: false,
    asked: () => undefined,
    confirmed: () => undefined,
    dropped: () => undefined,
  };

  constructor() {
    const core = { readIndex: () => this.refuse ?? ++this.rounds };
    const route = { partition: undefined, leaderNodeId: 2, nodes: [], logTime: 1 };
    this.queue = new ReadQueue({
      core: core as unknown as RawNode,
      clock: new SimScheduler().clock(),
      refusals: new Refusals(() => route),
      telemetry: replicaTelemetry(silentMetrics),
      server: {
        read: (key, _deadlineMs, sink, id) => sink.found(id, key, 1, 0, linearizableTerms.mark()),
        wait: (waiter) => waiter.ready(linearizableTerms.mark()),
      },
      points: this.points,
    });
  }

  add(id: number, key = `key${id}`, deadlineMs = 1000): void {
    // The caller's bytes are used again at once.
    const bytes = bytesOf(key);
    this.queue.add(bytes, deadlineMs, this.sink, id);
    bytes.fill(0);
  }

  /** Serves so many reads at most. */
  serve(applied: number, most = 1000): boolean {
    let served = 0;
    return this.queue.serve(applied, () => ++served >= most);
  }

  expire(nowMs: number): void {
    this.queue.expire(nowMs, () => new DougError('DEADLINE', 'too late'));
  }

  get told(): string {
    return [...this.sink.answers].map(([id, answer]) => `${id}: ${brief(answer)}`).join(', ');
  }
}

describe('ReadQueue', () => {
  it('shares one round among all reads that came before it, and the next among the rest', () => {
    const bench = new Bench();
    bench.queue.startRound();
    expect(bench.rounds).toBe(0);
    bench.add(1);
    bench.add(2);
    bench.queue.startRound();
    bench.add(3);
    bench.queue.startRound();
    expect([bench.rounds, bench.queue.wantsRound, bench.queue.open]).toEqual([1, false, 3]);
    bench.queue.confirmed(1, 7);
    expect(bench.queue.wantsRound).toBe(true);
    bench.queue.startRound();
    expect(bench.rounds).toBe(2);
    expect(bench.serve(7)).toBe(false);
    expect(bench.told).toBe('1: found key1 1, 2: found key2 1');
    bench.queue.confirmed(2, 7);
    bench.serve(7);
    expect(bench.told).toContain('3: found key3 1');
    expect(bench.queue.open).toBe(0);
  });

  it('INVARIANT(read-at-index): serves nothing before the index of the round is applied', () => {
    const bench = new Bench();
    bench.add(1);
    bench.queue.startRound();
    bench.serve(100);
    expect(bench.told).toBe('');
    bench.queue.confirmed(1, 7);
    bench.serve(6);
    expect(bench.told).toBe('');
    bench.serve(7);
    expect(bench.told).toBe('1: found key1 1');
  });

  it('stops serving when its time is over and goes on where it stopped', () => {
    const bench = new Bench();
    for (let id = 1; id <= 5; id++) bench.add(id, 'x'.repeat(id * 700));
    bench.queue.startRound();
    bench.queue.confirmed(1, 1);
    expect(bench.serve(1, 2)).toBe(true);
    expect(bench.sink.answers.size).toBe(2);
    expect(bench.serve(1, 2)).toBe(true);
    expect(bench.serve(1, 2)).toBe(false);
    expect([...bench.sink.answers.keys()]).toEqual([1, 2, 3, 4, 5]);
    for (const [id, answer] of bench.sink.answers) {
      expect(answer).toMatchObject({ kind: 'found', value: 'x'.repeat(id * 700) });
    }
  });

  it('answers NO_LEADER when no round can be had, or one ends without an index', () => {
    const bench = new Bench();
    bench.refuse = 'no-leader';
    bench.add(1);
    bench.queue.startRound();
    bench.refuse = null;
    bench.add(2);
    bench.queue.startRound();
    bench.queue.dropped(1, 'leader-changed');
    expect(bench.told).toBe('1: NO_LEADER NOT_APPLIED, 2: NO_LEADER NOT_APPLIED');
    // News of a round that is over.
    bench.queue.confirmed(1, 5);
    bench.queue.dropped(1, 'read-timeout');
    expect(bench.queue.open).toBe(0);
  });

  it('answers DEADLINE wherever a read waits: for its round, in it, and for the index', () => {
    const bench = new Bench();
    bench.add(1, 'a', 50);
    bench.queue.startRound();
    bench.queue.confirmed(1, 9);
    bench.add(2, 'b', 50);
    bench.queue.startRound();
    bench.add(3, 'c', 50);
    bench.add(4, 'd', 90);
    bench.expire(49);
    expect(bench.told).toBe('');
    bench.expire(50);
    const late = 'DEADLINE NOT_APPLIED';
    expect(bench.told.split(', ').sort()).toEqual([`1: ${late}`, `2: ${late}`, `3: ${late}`]);
    bench.queue.confirmed(2, 9);
    bench.queue.startRound();
    bench.queue.confirmed(3, 9);
    bench.serve(9);
    expect(bench.told).toContain('4: found d 1');
  });

  it('lets those who wait for the read point go on with it, or tells them why not', () => {
    const bench = new Bench();
    const log: string[] = [];
    const waiter = (name: string, deadlineMs: number) => ({
      deadlineMs,
      ready: () => log.push(`${name} ready`),
      failed: (error: { reason: string }) => log.push(`${name} ${error.reason}`),
    });
    bench.queue.addWaiter(waiter('a', 50));
    bench.queue.addWaiter(waiter('b', 90));
    bench.queue.startRound();
    bench.expire(60);
    bench.queue.confirmed(1, 3);
    bench.serve(2);
    expect(log).toEqual(['a DEADLINE']);
    bench.serve(3);
    bench.queue.addWaiter(waiter('c', 50));
    bench.queue.startRound();
    bench.queue.dropped(2, 'read-timeout');
    expect(log).toEqual(['a DEADLINE', 'b ready', 'c NO_LEADER']);
  });

  it('answers all of them when the service ends', () => {
    const bench = new Bench();
    bench.add(1);
    bench.queue.startRound();
    bench.queue.confirmed(1, 9);
    bench.add(2);
    bench.queue.startRound();
    bench.add(3);
    bench.queue.failAll(new Refusals(() => ({}) as never).corrupt());
    expect([...bench.sink.answers.keys()]).toEqual([1, 2, 3]);
    expect(bench.queue.open).toBe(0);
  });
});
