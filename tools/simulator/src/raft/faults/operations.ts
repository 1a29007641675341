import type { SimRandom } from '@dougdb/ports/sim';
import type { RaftProcess } from '../process/raft-process.js';
import type { RaftGroup } from '../raft-group.js';

/** What clients want: mostly of the leader, sometimes of anybody. */
export class Operations {
  readonly #group: RaftGroup;
  readonly #random: SimRandom;

  constructor(group: RaftGroup, random: SimRandom) {
    this.#group = group;
    this.#random = random;
  }

  pauseUs(): number {
    const { plan, isHealing } = this.#group;
    // Replicas that lag behind have to catch up some time, one message at a time if need be.
    const perSecond = isHealing
      ? Math.min(2, plan.operations.perSecond)
      : plan.operations.perSecond;
    const meanUs = 1_000_000 / perSecond;
    return 1 + Math.floor(-meanUs * Math.log(1 - this.#random.next()));
  }

  next(): void {
    const random = this.#random;
    const { operations } = this.#group.plan;
    const process = this.#whom();
    if (process === null) return;
    const { trace, nowUs } = this.#group;
    const draw = random.next();
    if (draw < operations.reads) {
      const isLease = random.chance(operations.leaseReads);
      trace.note(nowUs, isLease ? 'lease-read' : 'read', process.id, 0);
      if (isLease) process.requests.leaseRead();
      else process.requests.read();
      return;
    }
    const count = 1 + random.int(operations.batch);
    trace.note(nowUs, 'propose', process.id, count);
    process.requests.propose(count, 4 + random.int(operations.sizeBytes));
  }

  #whom(): RaftProcess | null {
    const random = this.#random;
    if (random.chance(this.#group.plan.operations.toLeader)) return this.#group.leader;
    const { processes } = this.#group;
    return processes[random.int(processes.length)] ?? null;
  }
}
