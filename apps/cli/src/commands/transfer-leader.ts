import { UsageError } from '../cli-errors.js';
import type { Context, Db } from '../context.js';
import { parseCount } from '../globals.js';

export interface TransferFlags {
  readonly to?: string;
}

/** `doug partition transfer-leader PARTITION [--to NODE]`: in raw output the node that leads then. */
export async function transferLeader(
  context: Context,
  partition: string,
  flags: TransferFlags,
): Promise<void> {
  const { io, globals } = context;
  const partitionId = parseCount('PARTITION', partition, 1);
  const toNodeId = flags.to === undefined ? undefined : parseCount('--to', flags.to, 1);
  const { leaderNodeId, term } = await context.withDb(async (db) => {
    await checkPartition(db, partitionId, toNodeId, io.signal);
    return db.admin.transferLeader(partitionId, { toNodeId, signal: io.signal });
  });
  const told = {
    table: `partition ${partitionId}: node ${leaderNodeId} leads in term ${term}`,
    json: JSON.stringify({ partition_id: partitionId, leader_node_id: leaderNodeId, term }),
    raw: leaderNodeId,
  }[globals.format];
  await io.stdout.write(`${told}\n`);
}

/** A partition that nobody knows would be looked for until the time is up. @throws UsageError */
async function checkPartition(
  db: Db,
  partitionId: number,
  toNodeId: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const partitions = await db.admin.partitions({ signal });
  const partition = partitions.find((one) => one.partitionId === partitionId);
  const hint = 'doug partition list shows the partitions and their voters';
  if (partition === undefined) throw new UsageError(`there is no partition ${partitionId}`, hint);
  const mayLead =
    toNodeId === undefined ||
    partition.replicas.some(({ nodeId, role }) => nodeId === toNodeId && role === 'voter');
  if (!mayLead) {
    throw new UsageError(`node ${toNodeId} is no voter of partition ${partitionId}`, hint);
  }
}
