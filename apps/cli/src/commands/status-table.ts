import { table } from '../output/table.js';
import type { Answer } from './status-answers.js';

/** What a client gets when nobody is there, or nobody answers in time. */
const unreachable: ReadonlySet<string> = new Set(['DOUG_NO_LEADER', 'DOUG_DEADLINE']);

const numbers = ['node', 'partition', 'leader', 'term', 'commit', 'applied', 'revision'] as const;

/** A line for each replica, and one for whoever has none. */
export function statusTable(answers: readonly Answer[], heading: (line: string) => string): string {
  const rows = answers.flatMap((answer) => {
    if ('error' in answer) {
      return [emptyRow(answer, unreachable.has(answer.error) ? 'unreachable' : answer.error)];
    }
    const { clusterId, replicas } = answer.status;
    // Who belongs to a cluster and is no node of it is a facade.
    if (answer.nodeId === 0) return [emptyRow(answer, clusterId === '' ? 'no cluster' : 'facade')];
    if (replicas.length === 0) return [emptyRow(answer, 'no replica')];
    return replicas.map((replica) => ({
      node: answer.nodeId,
      address: answer.address,
      partition: replica.partitionId,
      role: replica.role,
      leader: replica.leaderNodeId === 0 ? '-' : replica.leaderNodeId,
      state: replica.state,
      term: replica.term,
      commit: replica.commitIndex,
      applied: replica.appliedIndex,
      revision: replica.revision,
    }));
  });
  const columns = [
    ...(['node', 'address', 'partition', 'role', 'leader', 'state'] as const),
    ...(['term', 'commit', 'applied', 'revision'] as const),
  ];
  return table(columns, rows, { right: numbers, heading });
}

function emptyRow({ nodeId, address }: Answer, state: string) {
  return {
    node: nodeId === 0 ? '-' : nodeId,
    address,
    partition: '-' as string | number,
    role: '-',
    leader: '-' as string | number,
    state,
    term: '-' as string | number,
    commit: '-' as string | number,
    applied: '-' as string | number,
    revision: '-' as string | number,
  };
}
