import { UsageError } from '../cli-errors.js';
import type { Context } from '../context.js';
import { parseCount } from '../globals.js';

/** The keyspace of users' data; the other one is the cluster's own. */
const USERS_KEYSPACE = 1;

export interface CompactFlags {
  readonly partition?: string;
  readonly revision?: string;
}

/** `doug compact`: lets history be forgotten, of one partition or of all of the users' partitions. */
export async function compact(context: Context, flags: CompactFlags): Promise<void> {
  const { io, globals } = context;
  const { stdout, signal } = io;
  const partition =
    flags.partition === undefined ? undefined : parseCount('--partition', flags.partition, 1);
  const revision =
    flags.revision === undefined ? undefined : parseCount('--revision', flags.revision, 1);
  if (revision !== undefined && partition === undefined) {
    throw new UsageError('a revision is of one partition: name it with --partition');
  }
  await context.withDb(async (db) => {
    const all = partition === undefined ? await db.admin.partitions({ signal }) : [];
    const ids =
      partition === undefined
        ? all.filter(({ keyspace }) => keyspace === USERS_KEYSPACE).map((one) => one.partitionId)
        : [partition];
    for (const id of ids) {
      const { historyFloor } = await db.admin.compact(id, { revision, signal });
      const told = { partition_id: id, history_floor: historyFloor };
      if (globals.format === 'json') await stdout.write(`${JSON.stringify(told)}\n`);
      else if (globals.format === 'raw') await stdout.write(`${id} ${historyFloor}\n`);
      else await stdout.write(`partition ${id}: history begins at revision ${historyFloor}\n`);
    }
  });
}
