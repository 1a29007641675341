import type { NodeStatus } from '@dougdb/client';
import type { Db } from '../context.js';
import { failureOf } from '../output/errors.js';

/** Who was asked for its state, and the state or why there is none. */
export type Answer = {
  /** 0: no node, as far as that is known. */
  readonly nodeId: number;
  readonly address: string;
} & ({ readonly status: NodeStatus } | { readonly error: string });

/** One node. @throws DougError if it does not answer, or there is no such node */
export async function askOne(
  { admin }: Db,
  nodeId: number,
  signal: AbortSignal,
): Promise<Answer[]> {
  const found = await admin.status({ nodeId }, { signal });
  return [{ nodeId, address: found.node.address, status: found }];
}

/**
 * The members, and then those at the endpoints who are none of them: facades, nodes of another cluster or
 * of none, and who does not answer.
 * @throws DougError if nobody knows the members
 */
export async function askAll(
  { admin }: Db,
  endpoints: readonly string[],
  signal: AbortSignal,
): Promise<Answer[]> {
  const members = await admin.members({ signal });
  const others = endpoints.filter((endpoint) =>
    members.every(({ address }) => address !== endpoint),
  );
  const [nodes, rest] = await Promise.all([
    Promise.all(
      members.map((member) =>
        answerOf(member.nodeId, member.address, admin.status(member, { signal })),
      ),
    ),
    Promise.all(others.map((address) => answerOf(0, address, admin.status(address, { signal })))),
  ]);
  // A member may be known by another address than by that which an endpoint names.
  const known = new Set(members.map(({ uuid }) => uuid));
  const isMember = (one: Answer): boolean =>
    one.nodeId !== 0 && 'status' in one && known.has(one.status.node.uuid);
  return [...nodes, ...rest.filter((one) => !isMember(one))];
}

/** @param address - of whom was asked; a facade answers for a node */
async function answerOf(
  nodeId: number,
  address: string,
  asked: Promise<NodeStatus>,
): Promise<Answer> {
  try {
    const found = await asked;
    return { nodeId: found.node.nodeId, address, status: found };
  } catch (error) {
    return { nodeId, address, error: failureOf(error).code };
  }
}
