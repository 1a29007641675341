import type { Clock } from '@dougdb/ports';
import { DougError } from '@dougdb/rpc-proto';
import type { CallContext, UnaryMethod } from '../contract.js';
import type { Genesis } from '../genesis/genesis.js';
import { handleMemberList, handlePartitionList, handleStatus } from './admin.js';
import type { ClusterView } from './cluster-view.js';
import { handleCompact } from './compact.js';
import { handleDescribe, handleLookup, type NodeFacts } from './describe.js';
import { handleGet } from './get.js';
import { handleMultiGet } from './multi-get.js';
import { handleTransferLeader } from './transfer-leader.js';
import { handleDeleteRange, handleTxn } from './txn.js';
import { handleDelete, handlePut } from './write.js';

/** What unary handlers work with. */
export interface UnaryContext {
  readonly clock: Clock;
  readonly facts: NodeFacts;
  readonly genesis: Genesis;
  /** Null while this node belongs to no cluster. */
  readonly view: () => ClusterView | null;
  /** For work of clients. @throws DougError STARTING, DRAINING */
  readonly serving: () => ClusterView;
}

/** Methods that touch user data: admitted, and refused while the node drains. */
export function isDataMethod(method: UnaryMethod): boolean {
  return method.startsWith('/dougdb.v1.Doug/');
}

const writeMethods: ReadonlySet<UnaryMethod> = new Set<UnaryMethod>([
  '/dougdb.v1.Doug/Put',
  '/dougdb.v1.Doug/Delete',
  '/dougdb.v1.Doug/DeleteRange',
  '/dougdb.v1.Doug/Txn',
  '/dougdb.admin.v1.Admin/Compact',
]);

/** Whether a failure of unknown cause leaves it open if something was written. */
export function isWriteMethod(method: UnaryMethod): boolean {
  return writeMethods.has(method);
}

/** Answers one unary call. @throws DougError */
export async function handleUnary(
  context: UnaryContext,
  method: UnaryMethod,
  request: Uint8Array,
  call: CallContext,
): Promise<Uint8Array> {
  switch (method) {
    case '/dougdb.v1.Doug/Get':
      return handleGet(context.serving(), request, call);
    case '/dougdb.v1.Doug/MultiGet':
      return handleMultiGet(context.serving(), request, call);
    case '/dougdb.v1.Doug/Put':
      return handlePut(context.serving(), request, call);
    case '/dougdb.v1.Doug/Delete':
      return handleDelete(context.serving(), request, call);
    case '/dougdb.v1.Doug/DeleteRange':
      return handleDeleteRange(context.serving(), request, call);
    case '/dougdb.v1.Doug/Txn':
      return handleTxn(context.serving(), request, call);
    case '/dougdb.v1.Routes/Describe':
      return handleDescribe(joined(context), context.facts, request);
    case '/dougdb.v1.Routes/Lookup':
      return handleLookup(joined(context), request);
    case '/dougdb.admin.v1.Admin/Status':
      return handleStatus(context.view(), context.facts, request);
    case '/dougdb.admin.v1.Admin/MemberList':
      return handleMemberList(joined(context), request);
    case '/dougdb.admin.v1.Admin/PartitionList':
      return handlePartitionList(joined(context), request);
    case '/dougdb.admin.v1.Admin/TransferLeader':
      return handleTransferLeader(joined(context), context.clock, request, call);
    case '/dougdb.admin.v1.Admin/Compact':
      return handleCompact(joined(context), request, call);
    case '/dougdb.raft.v1.Genesis/Ask':
      return context.genesis.ask(request);
    case '/dougdb.raft.v1.Genesis/Offer':
      return context.genesis.offer(request);
    default:
      throw new DougError('UNIMPLEMENTED', `method ${String(method)} does not exist here`);
  }
}

function joined(context: UnaryContext): ClusterView {
  const view = context.view();
  if (view !== null) return view;
  throw new DougError(
    'STARTING',
    `this node belongs to no cluster yet: ${context.genesis.waitingFor ?? 'opening its replicas'}`,
  );
}
