import fc from 'fast-check';
import { entry } from '../../test/harness/host.js';
import { ENTRY_OVERHEAD_BYTES } from '../entry.js';
import { UncommittedBytes, uncommittedSizeOf } from './uncommitted-bytes.js';

describe('UncommittedBytes', () => {
  it('counts data and overhead, and empty entries as nothing', () => {
    expect(uncommittedSizeOf(entry(1, 1, 'abc'))).toBe(3 + ENTRY_OVERHEAD_BYTES);
    expect(uncommittedSizeOf(entry(1, 1, ''))).toBe(0);
  });

  it('sums up what stands above the commit index, whatever happens to the log', () => {
    const actions = fc.array(
      fc.oneof(
        fc.record({ append: fc.nat(100) }),
        fc.record({ commit: fc.nat(5) }),
        fc.record({ keep: fc.nat(5) }),
      ),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(actions, (script) => {
        const counted = new UncommittedBytes(10);
        let commit = 10;
        let sizes: number[] = [];
        for (const action of script) {
          if ('append' in action) {
            counted.append(action.append);
            sizes.push(action.append);
          } else if ('commit' in action) {
            const n = Math.min(action.commit, sizes.length);
            commit += n;
            counted.commitTo(commit);
            sizes = sizes.slice(n);
          } else {
            const n = Math.min(action.keep, sizes.length);
            counted.truncateFrom(commit + n + 1);
            sizes = sizes.slice(0, n);
          }
          expect(counted.total).toBe(sizes.reduce((a, b) => a + b, 0));
        }
      }),
    );
  });

  it('keeps its sums while thousands of entries pass', () => {
    const counted = new UncommittedBytes(0);
    for (let index = 1; index <= 5000; index++) {
      counted.append(index);
      if (index > 3) counted.commitTo(index - 3);
    }
    expect(counted.total).toBe(4998 + 4999 + 5000);
  });
});
