import fc from 'fast-check';
import { log, voters } from '../../test/harness/host.js';
import { MemoryStorage } from '../memory-storage.js';
import { COMPACTED, UNAVAILABLE } from '../storage.js';
import { TermRuns } from './term-runs.js';

/** Terms of a log that begins after `edge`, never falling. */
const logs = fc
  .record({
    edge: fc.nat(5),
    steps: fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 4 })), {
      maxLength: 8,
    }),
  })
  .map(({ edge, steps }) => {
    const terms: number[] = [];
    let term = 1;
    for (const [up, count] of steps) {
      term += up;
      for (let i = 0; i < count; i++) terms.push(term);
    }
    return { edge, edgeTerm: edge === 0 ? 0 : 1, terms };
  });

function runsOf({ edge, edgeTerm, terms }: { edge: number; edgeTerm: number; terms: number[] }) {
  const storage = new MemoryStorage(voters(1), { index: edge, term: edgeTerm });
  storage.append(log(terms, edge + 1), 0);
  return TermRuns.of(storage);
}

describe('TermRuns', () => {
  it('knows the term of every entry, as the log does', () => {
    fc.assert(
      fc.property(logs, (l) => {
        const runs = runsOf(l);
        expect(runs.lastIndex).toBe(l.edge + l.terms.length);
        expect(runs.lastTerm).toBe(l.terms[l.terms.length - 1] ?? l.edgeTerm);
        expect(runs.term(l.edge)).toBe(l.edgeTerm);
        if (l.edge > 0) expect(runs.term(l.edge - 1)).toBe(COMPACTED);
        expect(runs.term(runs.lastIndex + 1)).toBe(UNAVAILABLE);
        l.terms.forEach((term, i) => {
          expect(runs.term(l.edge + 1 + i)).toBe(term);
        });
      }),
    );
  });

  it('finds where two logs may agree, as a walk down the log does', () => {
    fc.assert(
      fc.property(logs, fc.nat(40), fc.nat(12), (l, index, term) => {
        const runs = runsOf(l);
        let expected = Math.min(index, runs.lastIndex);
        while (expected >= l.edge && Math.max(0, runs.term(expected)) > term) expected--;
        expect(runs.findConflictByTerm(index, term)).toBe(Math.max(0, expected));
      }),
      { numRuns: 500 },
    );
  });

  it('truncates, grows again and forgets its beginning like a list', () => {
    fc.assert(
      fc.property(logs, fc.nat(30), fc.nat(30), (l, cut, compact) => {
        const runs = runsOf(l);
        const keep = Math.min(cut, l.terms.length);
        runs.truncateFrom(l.edge + keep + 1);
        runs.append(20, 3);
        const terms = [...l.terms.slice(0, keep), 20, 20, 20];
        const edge = Math.min(l.edge + compact, l.edge + terms.length);
        runs.compactTo(edge);
        terms.forEach((term, i) => {
          const index = l.edge + 1 + i;
          expect(runs.term(index)).toBe(index < edge ? COMPACTED : term);
        });
        expect(runs.lastIndex).toBe(l.edge + terms.length);
      }),
      { numRuns: 300 },
    );
  });

  it('needs few looks at a long log', () => {
    const storage = new MemoryStorage(voters(1));
    storage.append(log([...new Array(5000).fill(1), ...new Array(5000).fill(4)]), 0);
    const term = jest.spyOn(storage, 'term');
    const runs = TermRuns.of(storage);
    expect([runs.count, runs.lastTerm, runs.term(5000), runs.term(5001)]).toEqual([3, 4, 1, 4]);
    expect(term.mock.calls.length).toBeLessThan(50);
  });
});
