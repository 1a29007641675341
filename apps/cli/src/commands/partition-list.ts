import type { PartitionInfo, PartitionReplica } from '@dougdb/client';
import type { Context } from '../context.js';
import { bytesField, printable } from '../encoding/json-bytes.js';
import { paintFor } from '../output/paint.js';

/** `doug partition list`: in raw output the ids alone. */
export async function partitionList(context: Context): Promise<void> {
  const { io, globals } = context;
  const { stdout, signal } = io;
  const partitions = await context.withDb((db) => db.admin.partitions({ signal }));
  if (globals.format === 'table') {
    await stdout.write(await tableOf(partitions, paintFor(stdout, io.env).bold));
    return;
  }
  for (const partition of partitions) {
    const line =
      globals.format === 'json' ? JSON.stringify(jsonOf(partition)) : partition.partitionId;
    await stdout.write(`${line}\n`);
  }
}

async function tableOf(
  partitions: readonly PartitionInfo[],
  heading: (line: string) => string,
): Promise<string> {
  const { table } = await import('../output/table.js');
  const rows = partitions.map((partition) => ({
    partition: partition.partitionId,
    keyspace: keyspaceName(partition.keyspace),
    start: partition.start.length === 0 ? '(first)' : printable(partition.start),
    end: partition.end.length === 0 ? '(last)' : printable(partition.end),
    epoch: `${partition.epoch.version}.${partition.epoch.conf}`,
    leader: partition.leaderNodeId === 0 ? '-' : partition.leaderNodeId,
    voters: nodes(partition, 'voter').join(',') || '-',
    learners: nodes(partition, 'learner').join(',') || '-',
  }));
  const columns = [
    ...(['partition', 'keyspace', 'start', 'end'] as const),
    ...(['epoch', 'leader', 'voters', 'learners'] as const),
  ];
  return table(columns, rows, { right: ['partition', 'leader'], heading });
}

function jsonOf(partition: PartitionInfo): object {
  return {
    partition_id: partition.partitionId,
    keyspace: partition.keyspace,
    ...bytesField('start', partition.start),
    ...bytesField('end', partition.end),
    epoch: partition.epoch,
    leader_node_id: partition.leaderNodeId,
    voters: nodes(partition, 'voter'),
    learners: nodes(partition, 'learner'),
    replicas: partition.replicas.map(({ replicaId, nodeId, role }) => ({
      replica_id: replicaId,
      node_id: nodeId,
      role,
    })),
  };
}

function keyspaceName(keyspace: number): string {
  return ['meta', 'data'][keyspace] ?? String(keyspace);
}

function nodes(partition: PartitionInfo, wanted: PartitionReplica['role']): number[] {
  return partition.replicas.filter(({ role }) => role === wanted).map(({ nodeId }) => nodeId);
}
