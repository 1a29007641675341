import { silentLogger, silentMetrics } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import type { DropReason, ProposalData, Proposed, RawNode } from '@dougdb/raft-core';
import { put } from '../../test/support/commands.js';
import { brief, RecordingSink } from '../../test/support/sink.js';
import { Refusals } from '../refusals.js';
import { LogClock } from '../state/log-clock.js';
import { replicaTelemetry } from '../telemetry.js';
import { WriteQueue } from './write-queue.js';

/** A queue on a core that answers proposals as the test says. */
class Bench {
  readonly sink = new RecordingSink();
  readonly proposals: ProposalData[] = [];
  next: Proposed = { term: 3, first: 10, last: 10 };
  readonly queue: WriteQueue;

  constructor() {
    const core = {
      propose: (data: readonly ProposalData[]): Proposed => {
        this.proposals.push(...data);
        return this.next;
      },
    };
    const route = { partition: undefined, leaderNodeId: 2, nodes: [], logTime: 1 };
    this.queue = new WriteQueue({
      core: core as unknown as RawNode,
      logClock: new LogClock(new SimScheduler().clock(), silentLogger, 0),
      epochVersion: () => 1,
      refusals: new Refusals(() => route),
      telemetry: replicaTelemetry(silentMetrics),
    });
  }

  add(id: number, deadlineMs = 1000): void {
    const command = put('k', `v${id}`);
    this.queue.add(command, 0, command.length, deadlineMs, this.sink, id);
  }

  /** One entry with these ops, proposed at this index. */
  propose(index: number, ids: readonly number[], term = 3): void {
    this.next = { term, first: index, last: index };
    for (const id of ids) this.add(id);
    this.queue.flush();
  }

  get told(): string {
    return [...this.sink.answers].map(([id, answer]) => `${id}: ${brief(answer)}`).join(', ');
  }
}

describe('WriteQueue', () => {
  it('proposes what was gathered as one entry, and nothing when nothing was', () => {
    const bench = new Bench();
    bench.queue.flush();
    expect(bench.proposals).toHaveLength(0);
    bench.propose(10, [1, 2, 3]);
    expect(bench.proposals).toHaveLength(1);
    expect(bench.queue.pendingEntries).toBe(1);
    expect(bench.queue.pendingBytes).toBe(3 * put('k', 'v1').length);
    const entry = bench.queue.takeApplied(10, 3);
    for (let i = 1; i <= 3; i++) {
      entry?.answers.next();
      entry?.answers.sink?.written(entry.answers.id, i);
    }
    expect(bench.told).toBe('1: written 1, 2: written 2, 3: written 3');
    expect(bench.queue.pendingBytes).toBe(0);
  });

  it('answers what the core refuses with what is certain: it was never appended', () => {
    const expected: [DropReason, string][] = [
      ['not-leader', 'NO_LEADER NOT_APPLIED'],
      ['no-leader', 'NO_LEADER NOT_APPLIED'],
      ['transferring', 'NO_LEADER NOT_APPLIED'],
      ['uncommitted-limit', 'BUSY NOT_APPLIED'],
    ];
    for (const [dropped, answer] of expected) {
      const bench = new Bench();
      bench.next = { dropped };
      bench.add(1);
      bench.queue.flush();
      expect(bench.told).toBe(`1: ${answer}`);
      expect([bench.queue.pendingEntries, bench.queue.pendingBytes]).toEqual([0, 0]);
    }
  });

  it('refuses the rest of a turn after an entry was refused, INVARIANT(call-order)', () => {
    const bench = new Bench();
    bench.next = { dropped: 'uncommitted-limit' };
    const large = put('k', 'x'.repeat(200 << 10));
    for (const id of [1, 2]) bench.queue.add(large, 0, large.length, 1000, bench.sink, id);
    bench.next = { term: 3, first: 10, last: 10 };
    bench.add(3);
    bench.queue.flush();
    expect(bench.proposals).toHaveLength(1);
    expect(bench.told).toBe('1: BUSY NOT_APPLIED, 2: BUSY NOT_APPLIED, 3: BUSY NOT_APPLIED');
    expect(bench.queue.pendingBytes).toBe(0);
    bench.propose(10, [4]);
    expect(bench.proposals).toHaveLength(2);
  });

  it('answers NOT_LEADER, not applied, when another entry was committed in the place', () => {
    const bench = new Bench();
    bench.propose(10, [1, 2]);
    expect(bench.queue.takeApplied(10, 4)).toBeNull();
    expect(bench.told).toBe('1: NOT_LEADER NOT_APPLIED, 2: NOT_LEADER NOT_APPLIED');
  });

  it('answers IN_DOUBT at once when the leadership is lost, but not for what is committed', () => {
    const bench = new Bench();
    bench.propose(10, [1]);
    bench.propose(11, [2]);
    bench.propose(12, [3]);
    bench.propose(14, [4], 5);
    bench.queue.leadershipLost(3, 11, 14, 11);
    expect(bench.told).toBe('3: IN_DOUBT UNKNOWN');
    // Index 10 and 11 are committed and answered when they are applied; 14 is of another term.
    expect(bench.queue.takeApplied(10, 3)).not.toBeNull();
    expect(bench.queue.takeApplied(11, 3)).not.toBeNull();
    expect(bench.queue.takeApplied(12, 3)).toBeNull();
    expect(bench.queue.takeApplied(14, 5)).not.toBeNull();
  });

  it('answers IN_DOUBT at the deadline', () => {
    const bench = new Bench();
    bench.add(1, 50);
    bench.add(2, 90);
    bench.queue.flush();
    bench.queue.expire(49);
    expect(bench.told).toBe('');
    bench.queue.expire(50);
    expect(bench.told).toBe('1: IN_DOUBT UNKNOWN');
    bench.queue.expire(90);
    expect(bench.told).toBe('1: IN_DOUBT UNKNOWN, 2: IN_DOUBT UNKNOWN');
  });
});
