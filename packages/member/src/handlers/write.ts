import {
  DeleteRequest,
  DeleteResponse,
  decodeRequest,
  encodeDelete,
  encodePut,
  PutRequest,
  PutResponse,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { type CommandOutcome, writeCommand } from './write-command.js';

/** dougdb.v1.Doug/Put. */
export async function handlePut(
  view: ClusterView,
  request: Uint8Array,
  call: CallContext,
): Promise<Uint8Array> {
  const put = decodeRequest(PutRequest, request);
  const { context, opId, key, value } = put;
  const command = encodePut(opId ?? null, key, value, put);
  const outcome = await writeCommand(view, context, key, command, call);
  return PutResponse.encode(responseOf(outcome)).finish();
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
  const outcome = await writeCommand(view, context, key, command, call);
  return DeleteResponse.encode(responseOf(outcome)).finish();
}

/** Both answer the same. */
function responseOf({ header, write }: CommandOutcome): PutResponse {
  const { revision, compareFailed, previousRevision, previousValue, resultNotKept } = write;
  return {
    header,
    revision,
    resultNotKept: resultNotKept ?? false,
    compareFailed,
    previousRevision,
    previousValue: previousValue ?? new Uint8Array(0),
  };
}
