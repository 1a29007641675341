import { DougError } from '@dougdb/rpc-proto';
import type { Context } from '../context.js';
import { endpointList, parseCount } from '../globals.js';
import { paintFor } from '../output/paint.js';
import { type Answer, askAll, askOne } from './status-answers.js';

export interface StatusFlags {
  readonly node?: string;
}

/** `doug status`: what all nodes of the cluster, or one of them, say of their replicas. */
export async function status(context: Context, flags: StatusFlags): Promise<void> {
  const { io, globals } = context;
  const { signal } = io;
  const nodeId = flags.node === undefined ? undefined : parseCount('--node', flags.node, 1);
  const answers = await context.withDb((db) =>
    nodeId === undefined ? askAll(db, endpointList(globals), signal) : askOne(db, nodeId, signal),
  );
  if (globals.format === 'json') {
    for (const answer of answers) await io.stdout.write(`${JSON.stringify(jsonOf(answer))}\n`);
  } else if (globals.format === 'raw') {
    for (const answer of answers) {
      await io.stdout.write(`${answer.address} ${'error' in answer ? answer.error : 'OK'}\n`);
    }
  } else {
    const { statusTable } = await import('./status-table.js');
    await io.stdout.write(statusTable(answers, paintFor(io.stdout, io.env).bold));
  }
  checkOneCluster(answers);
}

/** Which of two clusters a command would go to would be left to chance. @throws DougError CLUSTER_MISMATCH */
function checkOneCluster(answers: readonly Answer[]): void {
  // A node that belongs to none yet has no id to differ.
  const found = answers.flatMap((answer) =>
    'status' in answer && answer.status.clusterId !== '' ? [answer] : [],
  );
  const [first] = found;
  const other = found.find(({ status: one }) => one.clusterId !== first?.status.clusterId);
  if (first === undefined || other === undefined) return;
  throw new DougError(
    'CLUSTER_MISMATCH',
    `${first.address} belongs to cluster ${first.status.clusterId}, ${other.address} to ${other.status.clusterId}`,
  );
}

function jsonOf(answer: Answer): object {
  const { nodeId, address } = answer;
  if ('error' in answer) return { address, node_id: nodeId, error: answer.error };
  const { clusterId, node, version, uptimeMs, replicas } = answer.status;
  return {
    address,
    node_id: nodeId,
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
