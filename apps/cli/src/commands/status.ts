import type { NodeStatus } from '@dougdb/client';
import { DougError } from '@dougdb/rpc-proto';
import { UsageError } from '../cli-errors.js';
import type { Context, Db } from '../context.js';
import { endpointList, parseCount } from '../globals.js';
import { failureOf } from '../output/errors.js';
import { paintFor } from '../output/paint.js';
import { table } from '../output/table.js';

export interface StatusFlags {
  readonly all?: boolean;
  readonly node?: string;
}

/** Whom to ask: all members, one, or those at some addresses. */
type Asked =
  | { readonly kind: 'all' }
  | { readonly kind: 'one'; readonly nodeId: number }
  | { readonly kind: 'some'; readonly endpoints: readonly string[] };

/** The state of a node, or why there is none. */
type Answer =
  | { readonly address: string; readonly status: NodeStatus }
  | { readonly address: string; readonly error: string };

/** `doug status`: what the nodes at the endpoints, one node or all of them say of their replicas. */
export async function status(context: Context, flags: StatusFlags): Promise<void> {
  const { io, globals } = context;
  const asked = askedOf(flags, endpointList(globals));
  const answers = await context.withDb((db) => ask(db, asked, io.signal));
  if (globals.format === 'json') {
    for (const answer of answers) await io.stdout.write(`${JSON.stringify(jsonOf(answer))}\n`);
  } else if (globals.format === 'raw') {
    for (const answer of answers) {
      await io.stdout.write(`${answer.address} ${'error' in answer ? answer.error : 'OK'}\n`);
    }
  } else {
    await io.stdout.write(tableOf(answers, paintFor(io.stdout, io.env).bold));
  }
  checkOneCluster(answers);
}

/** Whom the flags ask. @throws UsageError */
function askedOf({ all, node }: StatusFlags, endpoints: readonly string[]): Asked {
  if (node === undefined) return all === true ? { kind: 'all' } : { kind: 'some', endpoints };
  if (all === true) throw new UsageError('status takes --all or --node, not both');
  return { kind: 'one', nodeId: parseCount('--node', node, 1) };
}

/** @throws DougError if one node is asked, or nobody knows which there are */
async function ask(db: Db, asked: Asked, signal: AbortSignal): Promise<Answer[]> {
  const { admin } = db;
  switch (asked.kind) {
    case 'one': {
      const found = await admin.status({ nodeId: asked.nodeId }, { signal });
      return [{ address: found.node.address, status: found }];
    }
    case 'all': {
      const members = await admin.members({ signal });
      return Promise.all(
        members.map((member) => answerOf(member.address, admin.status(member, { signal }))),
      );
    }
    case 'some':
      return Promise.all(
        asked.endpoints.map((address) => answerOf(address, admin.status(address, { signal }))),
      );
  }
}

/** @param address - of whom was asked; a facade answers for a node */
async function answerOf(address: string, asked: Promise<NodeStatus>): Promise<Answer> {
  try {
    const found = await asked;
    return { address: found.node.address, status: found };
  } catch (error) {
    return { address, error: failureOf(error).code };
  }
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

const numbers = ['node', 'partition', 'leader', 'term', 'commit', 'applied', 'revision'] as const;

function tableOf(answers: readonly Answer[], heading: (line: string) => string): string {
  const rows = answers.flatMap((answer) => {
    if ('error' in answer) return [emptyRow(answer.address, answer.error)];
    const { node, replicas } = answer.status;
    if (node.nodeId === 0) {
      // Who belongs to a cluster and is no node of it is a facade.
      const state = answer.status.clusterId === '' ? 'no cluster' : 'facade';
      return [emptyRow(answer.address, state)];
    }
    if (replicas.length === 0) {
      return [{ ...emptyRow(answer.address, 'no replica'), node: node.nodeId }];
    }
    return replicas.map((replica) => ({
      node: node.nodeId,
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

function emptyRow(address: string, state: string) {
  return {
    node: '-' as string | number,
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
