import type { Context } from '../context.js';
import { table } from '../output/table.js';

/** `doug member list`. */
export async function memberList(context: Context): Promise<void> {
  const { io, globals } = context;
  const members = await context.withDb((db) => db.admin.members({ signal: io.signal }));
  if (globals.format === 'table') {
    const rows = members.map(({ nodeId, address, uuid }) => ({ node: nodeId, address, uuid }));
    await io.stdout.write(table(['node', 'address', 'uuid'], rows, ['node']));
    return;
  }
  for (const { nodeId, address, uuid } of members) {
    const line =
      globals.format === 'json' ? JSON.stringify({ node_id: nodeId, address, uuid }) : address;
    await io.stdout.write(`${line}\n`);
  }
}
