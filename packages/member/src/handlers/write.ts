import {
  DeleteRequest,
  DeleteResponse,
  DougError,
  decodeRequest,
  encodeDelete,
  encodePut,
  type LookedWrite,
  PutRequest,
  PutResponse,
  type RequestContext,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { wireConsistency } from './consistency.js';
import { oneAnswer, type UnaryAnswer } from './unary-sink.js';

/** dougdb.v1.Doug/Put. */
export async function handlePut(
  view: ClusterView,
  request: Uint8Array,
  call: CallContext,
): Promise<Uint8Array> {
  const put = decodeRequest(PutRequest, request);
  const { context, opId, key, value } = put;
  const command = encodePut(opId ?? null, key, value, put);
  return PutResponse.encode(await write(view, context, key, command, call)).finish();
}

/** dougdb.v1.Doug/Delete. */
export async function handleDelete(
  view: ClusterView,
  request: Uint8Array,
  call: CallContext,
): Promise<Uint8Array> {
  const removal = decodeRequest(DeleteRequest, request);
  const { context, opId, key } = removal;
  const command = encodeDelete(opId ?? null, key, removal);
  return DeleteResponse.encode(await write(view, context, key, command, call)).finish();
}

/** The replica checks the command whole: what is over a limit never gets further. */
async function write(
  view: ClusterView,
  context: RequestContext | undefined,
  key: Uint8Array,
  command: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<PutResponse> {
  const replica = view.replicaFor(context, key);
  const epoch = context?.epochVersion ?? 0;
  const answer = await oneAnswer((sink, id) =>
    replica.write(command, 0, command.length, epoch, deadlineMs, sink, id),
  );
  const { revision, compareFailed, previousRevision, previousValue, resultNotKept } =
    outcomeOf(answer);
  return {
    header: view.header(replica, wireConsistency('linearizable')),
    revision,
    resultNotKept: resultNotKept ?? false,
    compareFailed,
    previousRevision,
    previousValue: previousValue ?? new Uint8Array(0),
  };
}

/** @throws DougError INTERNAL */
function outcomeOf(answer: UnaryAnswer): LookedWrite {
  if (answer.kind === 'looked') return answer.write;
  if (answer.kind !== 'written') throw new DougError('INTERNAL', 'a write was answered as a read');
  const { revision } = answer;
  return { revision, compareFailed: false, previousRevision: 0, previousValue: null };
}
