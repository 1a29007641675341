import type { Context } from '../context.js';
import { paintFor } from '../output/paint.js';

/** `doug member list`. */
export async function memberList(context: Context): Promise<void> {
  const { io, globals } = context;
  const { stdout, signal } = io;
  const members = await context.withDb((db) => db.admin.members({ signal }));
  if (globals.format === 'table') {
    const { table } = await import('../output/table.js');
    const rows = members.map(({ nodeId, address, uuid }) => ({ node: nodeId, address, uuid }));
    const heading = paintFor(stdout, io.env).bold;
    await stdout.write(table(['node', 'address', 'uuid'], rows, { right: ['node'], heading }));
    return;
  }
  for (const { nodeId, address, uuid } of members) {
    const line =
      globals.format === 'json' ? JSON.stringify({ node_id: nodeId, address, uuid }) : address;
    await stdout.write(`${line}\n`);
  }
}
