import { SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import type { AnswerSink } from '../contract.js';
import { Refusals } from '../refusals.js';
import { BoundedQueue } from './bounded-queue.js';

/** A queue whose rounds the test makes, at times of its own. */
class Bench {
  readonly scheduler = new SimScheduler();
  readonly log: string[] = [];
  wakes = 0;
  readonly queue = new BoundedQueue({
    clock: this.scheduler.clock(),
    refusals: new Refusals(() => ({}) as never),
    wake: () => {
      this.wakes++;
    },
  });

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  wait(name: string, boundMs: number, deadlineMs = 1000): void {
    this.queue.addWaiter(boundMs, {
      deadlineMs,
      ready: (mark) => this.log.push(`${name} ${mark.ageMs}`),
      failed: (error) => this.log.push(`${name} ${error.reason}`),
    });
  }

  /** A round begins now; returns its time. */
  ask(): number {
    this.queue.asked(this.nowMs);
    return this.nowMs;
  }

  serve(applied: number, most = 100): boolean {
    let served = 0;
    return this.queue.serve(applied, () => ++served >= most);
  }

  expire(): void {
    this.queue.expire(this.nowMs, () => new DougError('DEADLINE', 'late'));
  }
}

describe('BoundedQueue', () => {
  it('INVARIANT(bounded-by-round): counts from the beginning of a round, once its index is applied', async () => {
    const bench = new Bench();
    bench.wait('a', 100);
    const askedMs = bench.ask();
    await bench.scheduler.advance(30);
    bench.queue.confirmed(7, askedMs);
    bench.serve(6);
    expect([bench.log, bench.queue.mark(1e9)]).toEqual([[], null]);
    await bench.scheduler.advance(10);
    bench.serve(7);
    expect(bench.log).toEqual(['a 40']);
    expect(bench.queue.mark(39)).toBeNull();
    expect(bench.queue.mark(40)?.ageMs).toBe(40);
  });

  it('wants a round when the newest is older than half of a bound, and one at a time', async () => {
    const bench = new Bench();
    bench.queue.want(100);
    expect([bench.queue.wantsPoint, bench.wakes]).toEqual([true, 1]);
    bench.queue.want(50);
    expect(bench.wakes).toBe(1);
    const askedMs = bench.ask();
    await bench.scheduler.advance(50);
    bench.queue.want(100);
    expect(bench.queue.wantsPoint).toBe(false);
    bench.queue.confirmed(1, askedMs);
    await bench.scheduler.advance(0.5);
    bench.queue.want(100);
    expect(bench.queue.wantsPoint).toBe(true);
  });

  it('asks again for those whom a round that took too long did not help', async () => {
    const bench = new Bench();
    const askedMs = bench.ask();
    await bench.scheduler.advance(50);
    bench.wait('short', 40);
    bench.wait('long', 60);
    bench.queue.confirmed(1, askedMs);
    bench.serve(1);
    expect([bench.log, bench.queue.wantsPoint]).toEqual([['long 50'], true]);
    bench.queue.confirmed(1, bench.ask());
    bench.serve(1);
    expect([bench.log, bench.queue.open]).toEqual([['long 50', 'short 0'], 0]);
  });

  it('tells those who waited for a round that it gave nothing, and asks for those after it', async () => {
    const bench = new Bench();
    bench.wait('before', 100);
    const askedMs = bench.ask();
    await bench.scheduler.advance(60);
    bench.wait('after', 100);
    bench.queue.dropped(askedMs, new DougError('NO_LEADER', 'none'));
    expect([bench.log, bench.queue.wantsPoint]).toEqual([['before NO_LEADER'], true]);
  });

  it('waits for the bound and no longer, and never beyond the deadline', async () => {
    const bench = new Bench();
    bench.wait('bound', 30);
    bench.wait('deadline', 100, 20);
    bench.wait('waits', 100);
    await bench.scheduler.advance(20);
    bench.expire();
    expect(bench.log).toEqual(['deadline DEADLINE']);
    await bench.scheduler.advance(11);
    bench.expire();
    expect(bench.log).toEqual(['deadline DEADLINE', 'bound NO_LEADER']);
    expect(bench.queue.open).toBe(1);
  });

  it('stops serving when its time is over, and goes on where it stopped', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c']) bench.wait(name, 100);
    bench.queue.confirmed(1, bench.ask());
    expect(bench.serve(1, 2)).toBe(true);
    expect(bench.log).toEqual(['a 0', 'b 0']);
    expect(bench.serve(1)).toBe(false);
    expect(bench.log).toEqual(['a 0', 'b 0', 'c 0']);
  });

  it('takes a read on again whose age passed the bound at the disk', async () => {
    const bench = new Bench();
    bench.queue.confirmed(1, bench.ask());
    bench.serve(1);
    const again: unknown[] = [];
    const terms = bench.queue.terms(50, (...read) => again.push(read));
    expect(terms.mark()?.ageMs).toBe(0);
    await bench.scheduler.advance(51);
    expect(terms.mark()).toBeNull();
    const key = new Uint8Array(1);
    const sink = {} as AnswerSink;
    terms.again(key, 900, sink, 4);
    expect(again).toEqual([[key, 50, 900, sink, 4]]);
  });

  it('tells all when the service ends, and begins anew', () => {
    const bench = new Bench();
    bench.wait('a', 100);
    bench.ask();
    bench.queue.failAll(new DougError('NO_LEADER', 'stopped'));
    expect([bench.log, bench.queue.open, bench.queue.wantsPoint]).toEqual([
      ['a NO_LEADER'],
      0,
      false,
    ]);
    // The round that was under way is not waited for.
    bench.wait('b', 100);
    expect(bench.queue.wantsPoint).toBe(true);
  });
});
