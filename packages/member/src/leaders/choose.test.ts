import fc from 'fast-check';
import { chooseMove, leastLeading } from './choose.js';

const counts = (...of: number[]): Map<number, number> => new Map(of.map((n, at) => [at + 1, n]));

describe('whom to give a partition to', () => {
  it('is the node that leads fewest, of equals the first', () => {
    expect(leastLeading(counts(3, 1, 2), [1, 2, 3])).toBe(2);
    expect(leastLeading(counts(2, 1, 1), [3, 2, 1])).toBe(2);
    expect(leastLeading(counts(2), [9, 1])).toBe(9);
    expect(leastLeading(counts(2), [])).toBe(0);
  });

  it('is decided only where it makes a difference of two', () => {
    const movable = [{ partitionId: 5, nodeIds: [2, 3] }];
    expect(chooseMove(1, counts(2, 1, 1), movable)).toBeNull();
    expect(chooseMove(1, counts(3, 1, 2), movable)).toEqual({ partitionId: 5, toNodeId: 2 });
    expect(chooseMove(1, counts(2, 0, 1), movable)).toEqual({ partitionId: 5, toNodeId: 2 });
    expect(chooseMove(1, counts(9), [])).toBeNull();
    expect(chooseMove(1, counts(9), [{ partitionId: 5, nodeIds: [] }])).toBeNull();
  });

  it('prefers the partition that reaches the node with the fewest', () => {
    const movable = [
      { partitionId: 5, nodeIds: [2] },
      { partitionId: 6, nodeIds: [2, 3] },
      { partitionId: 7, nodeIds: [3] },
    ];
    expect(chooseMove(1, counts(5, 2, 1), movable)).toEqual({ partitionId: 6, toNodeId: 3 });
  });

  it('comes to an end with at most one more on one node than on another, from wherever it begins', () => {
    const start = fc.array(fc.nat(12), { minLength: 2, maxLength: 7 });
    fc.assert(
      fc.property(start, fc.infiniteStream(fc.nat()), (leads, turns) => {
        const now = counts(...leads);
        const nodes = [...now.keys()];
        let partition = 0;
        const limit = leads.reduce((sum, n) => sum + n, 0) + 1;
        let moves = 0;
        for (let quiet = 0; quiet < nodes.length * 3; ) {
          const giver = nodes[(turns.next().value as number) % nodes.length] as number;
          const nodeIds = nodes.filter((nodeId) => nodeId !== giver);
          const movable = now.get(giver) === 0 ? [] : [{ partitionId: ++partition, nodeIds }];
          const move = chooseMove(giver, now, movable);
          quiet = move === null ? quiet + 1 : 0;
          if (move === null) continue;
          now.set(giver, (now.get(giver) ?? 0) - 1);
          now.set(move.toNodeId, (now.get(move.toNodeId) ?? 0) + 1);
          if (++moves > limit) throw new Error('it never ends');
        }
        // Everybody had turns enough: whoever still led two more than another would have moved.
        for (const giver of nodes) {
          const nodeIds = nodes.filter((nodeId) => nodeId !== giver);
          while (chooseMove(giver, now, [{ partitionId: 0, nodeIds }]) !== null) {
            const move = chooseMove(giver, now, [{ partitionId: 0, nodeIds }]);
            now.set(giver, (now.get(giver) ?? 0) - 1);
            now.set(move?.toNodeId ?? 0, (now.get(move?.toNodeId ?? 0) ?? 0) + 1);
            if (++moves > limit) throw new Error('it never ends');
          }
        }
        expect(Math.max(...now.values()) - Math.min(...now.values())).toBeLessThanOrEqual(1);
      }),
    );
  });
});
