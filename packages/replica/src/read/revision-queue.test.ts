import { DougError, PartitionDescriptor } from '@dougdb/rpc-proto';
import { Refusals } from '../refusals.js';
import { genesisState, type ReplicaState } from '../state/replica-state.js';
import { RevisionQueue } from './revision-queue.js';

class Bench {
  readonly state: ReplicaState = genesisState(PartitionDescriptor.decode(new Uint8Array(0)), 0);
  readonly refusals = new Refusals(() => ({}) as never);
  readonly queue = new RevisionQueue({ state: this.state, refusals: this.refusals });
  readonly log: string[] = [];

  wait(revision: number, deadlineMs = 100): void {
    this.queue.addWaiter(revision, {
      deadlineMs,
      ready: () => this.log.push(`${revision} ready`),
      failed: (error) => this.log.push(`${revision} ${error.reason}`),
    });
  }

  serve(revision: number, most = 100): boolean {
    this.state.revision = revision;
    let served = 0;
    return this.queue.serve(() => ++served >= most);
  }
}

describe('RevisionQueue', () => {
  it('serves each when its revision is applied', () => {
    const bench = new Bench();
    for (const revision of [9, 7, 8, 7]) bench.wait(revision);
    bench.serve(6);
    expect(bench.log).toEqual([]);
    bench.serve(7);
    expect(bench.log).toEqual(['7 ready', '7 ready']);
    bench.serve(20);
    expect(bench.log).toEqual(['7 ready', '7 ready', '9 ready', '8 ready']);
    expect(bench.queue.open).toBe(0);
  });

  it('stops serving when its time is over, and goes on where it stopped', () => {
    const bench = new Bench();
    for (const revision of [1, 2, 3, 9]) bench.wait(revision);
    expect(bench.serve(3, 2)).toBe(true);
    expect(bench.log).toEqual(['1 ready', '2 ready']);
    expect(bench.serve(3)).toBe(false);
    expect([bench.log.length, bench.queue.open]).toEqual([3, 1]);
  });

  it('answers FUTURE_REVISION at the deadline, and another error to all when the service ends', () => {
    const bench = new Bench();
    bench.wait(5, 50);
    bench.wait(6, 90);
    bench.queue.expire(49);
    expect(bench.log).toEqual([]);
    bench.queue.expire(50);
    bench.queue.failAll(new DougError('CORRUPT', 'gone'));
    expect(bench.log).toEqual(['5 FUTURE_REVISION', '6 CORRUPT']);
  });
});
