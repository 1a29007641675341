/** Partitions that each node leads; a node that leads none may be left out. */
export type LeaderCounts = ReadonlyMap<number, number>;

/** A partition that this node leads and may give away. */
export interface Movable {
  readonly partitionId: number;
  /** Nodes that could lead it now: caught up, heard lately. */
  readonly nodeIds: readonly number[];
}

export interface Move {
  readonly partitionId: number;
  readonly toNodeId: number;
}

/** A hand-over costs a moment without a leader: it must make a difference. */
const LEAST_DIFFERENCE = 2;

/** The node with the fewest partitions to lead; of equals the one with the smallest id; 0: none is given. */
export function leastLeading(counts: LeaderCounts, nodeIds: readonly number[]): number {
  let best = 0;
  for (const nodeId of nodeIds) {
    const difference = (counts.get(nodeId) ?? 0) - (counts.get(best) ?? 0);
    if (best === 0 || difference < 0 || (difference === 0 && nodeId < best)) best = nodeId;
  }
  return best;
}

/**
 * What a node that leads more than others gives away: one partition, to the node that leads fewest of
 * those that could take it, if that leads at least two fewer. Afterwards the taker does not lead more than
 * the giver, so that nothing ever has to come back. Null: all is well.
 */
export function chooseMove(
  ownNodeId: number,
  counts: LeaderCounts,
  movable: readonly Movable[],
): Move | null {
  const own = counts.get(ownNodeId) ?? 0;
  let best: Move | null = null;
  let bestCount = own - LEAST_DIFFERENCE + 1;
  for (const { partitionId, nodeIds } of movable) {
    const toNodeId = leastLeading(counts, nodeIds);
    const count = counts.get(toNodeId) ?? 0;
    if (toNodeId === 0 || count >= bestCount) continue;
    best = { partitionId, toNodeId };
    bestCount = count;
  }
  return best;
}
