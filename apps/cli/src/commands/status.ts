import type { NodeStatus } from '@dougdb/client';
import type { Context } from '../context.js';
import { failureOf } from '../output/errors.js';
import { table } from '../output/table.js';

/** The state of a node, or why there is none. */
type Answer =
  | { readonly address: string; readonly status: NodeStatus }
  | { readonly address: string; readonly error: string };

/** `doug status`: every member's view of its replicas. */
export async function status(context: Context): Promise<void> {
  const { io, globals } = context;
  const { signal } = io;
  const answers = await context.withDb(async (db) => {
    const members = await db.admin.members({ signal });
    const ask = async (address: string): Promise<Answer> => {
      try {
        return { address, status: await db.admin.status(address, { signal }) };
      } catch (error) {
        return { address, error: failureOf(error).code };
      }
    };
    return Promise.all(members.map(({ address }) => ask(address)));
  });
  if (globals.format === 'json') {
    for (const answer of answers) await io.stdout.write(`${JSON.stringify(jsonOf(answer))}\n`);
  } else if (globals.format === 'raw') {
    for (const answer of answers) {
      await io.stdout.write(`${answer.address} ${'error' in answer ? answer.error : 'OK'}\n`);
    }
  } else {
    await io.stdout.write(tableOf(answers));
  }
}

function jsonOf(answer: Answer): object {
  if ('error' in answer) return { address: answer.address, error: answer.error };
  const { clusterId, node, version, uptimeMs, replicas } = answer.status;
  return {
    address: answer.address,
    node_id: node.nodeId,
    uuid: node.uuid,
    cluster_id: clusterId,
    version,
    uptime_ms: uptimeMs,
    replicas: replicas.map((replica) => ({
      partition_id: replica.partitionId,
      replica_id: replica.replicaId,
      role: replica.role,
      state: replica.state,
      leader_node_id: replica.leaderNodeId,
      term: replica.term,
      commit_index: replica.commitIndex,
      applied_index: replica.appliedIndex,
      first_index: replica.firstIndex,
      last_index: replica.lastIndex,
      revision: replica.revision,
      sessions: replica.sessions,
    })),
  };
}

function tableOf(answers: readonly Answer[]): string {
  const rows = answers.flatMap((answer) => {
    if ('error' in answer) return [emptyRow(answer.address, answer.error)];
    const { node, replicas } = answer.status;
    if (replicas.length === 0) {
      return [{ ...emptyRow(answer.address, 'no replica'), node: node.nodeId }];
    }
    return replicas.map((replica) => ({
      node: node.nodeId,
      address: answer.address,
      partition: replica.partitionId,
      role: replica.role,
      state: replica.state,
      term: replica.term,
      commit: replica.commitIndex,
      applied: replica.appliedIndex,
      revision: replica.revision,
    }));
  });
  const columns = [
    'node',
    'address',
    'partition',
    'role',
    'state',
    'term',
    'commit',
    'applied',
    'revision',
  ] as const;
  return table(columns, rows, ['node', 'partition', 'term', 'commit', 'applied', 'revision']);
}

function emptyRow(address: string, state: string) {
  return {
    node: '-' as string | number,
    address,
    partition: '-' as string | number,
    role: '-',
    state,
    term: '-' as string | number,
    commit: '-' as string | number,
    applied: '-' as string | number,
    revision: '-' as string | number,
  };
}
