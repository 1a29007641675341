import { limits } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { Session } from './session.js';

const session = () => new Session(2, new Uint8Array(16), 1, 0);

describe('Session', () => {
  it('counts seqs from 1', () => {
    const one = session();
    expect([one.take(), one.take()]).toEqual([1, 2]);
    expect(one.firstIncomplete).toBe(1);
  });

  it('has no more open seqs than a partition keeps', () => {
    const one = session();
    for (let i = 0; i < limits.sessionOpenSeqs; i++) {
      expect(one.room).toBe(limits.sessionOpenSeqs - i);
      one.take();
    }
    expect(one.room).toBe(0);
    one.finish(2);
    expect(one.room).toBe(0);
    one.finish(1);
    expect(one.firstIncomplete).toBe(3);
    expect(one.room).toBe(2);
  });

  it('knows the lowest unfinished seq in whatever order they end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3000), { maxLength: 4000 }), (picks) => {
        const one = session();
        const open: number[] = [];
        for (const pick of picks) {
          if (one.room > 0 && pick % 2 === 0) open.push(one.take());
          else if (open.length > 0) one.finish(open.splice(pick % open.length, 1)[0]!);
          const lowest = open.length === 0 ? undefined : Math.min(...open);
          if (lowest !== undefined) expect(one.firstIncomplete).toBe(lowest);
        }
      }),
      { numRuns: 30 },
    );
  });
});
