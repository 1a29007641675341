import {
  CommandView,
  DeleteRangeRequest,
  DeleteRangeResponse,
  DeleteRangeResult,
  DougError,
  decodeRequest,
  encodeDeleteRange,
  encodeTxn,
  type LookedWrite,
  readCommand,
  TxnRequest,
  TxnResponse,
  TxnResult,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { writeCommand } from './write-command.js';

/** dougdb.v1.Doug/Txn. */
export async function handleTxn(
  view: ClusterView,
  request: Uint8Array,
  call: CallContext,
): Promise<Uint8Array> {
  const { context, opId, txn } = decodeRequest(TxnRequest, request);
  if (txn === undefined) throw new DougError('INVALID_ARGUMENT', 'a request without a transaction');
  const command = encodeTxn(opId ?? null, txn);
  const { header, write } = await writeCommand(view, context, firstKeyOf(command), command, call);
  const { revision, resultNotKept = false } = write;
  const result = resultNotKept ? outcomeAlone(write) : TxnResult.decode(bytesOf(write));
  return TxnResponse.encode({ header, revision, resultNotKept, result }).finish();
}

/** dougdb.v1.Doug/DeleteRange. */
export async function handleDeleteRange(
  view: ClusterView,
  request: Uint8Array,
  call: CallContext,
): Promise<Uint8Array> {
  const { context, opId, start, end, limit } = decodeRequest(DeleteRangeRequest, request);
  const command = encodeDeleteRange(opId ?? null, { start, end, limit });
  const { header, write } = await writeCommand(view, context, start, command, call);
  const { revision, resultNotKept = false } = write;
  const result = resultNotKept ? undefined : DeleteRangeResult.decode(bytesOf(write));
  return DeleteRangeResponse.encode({ header, revision, resultNotKept, result }).finish();
}

/** By which it finds its partition. @throws DougError INVALID_ARGUMENT */
function firstKeyOf(command: Uint8Array): Uint8Array {
  const commandView = new CommandView();
  readCommand(command, 0, command.length, commandView);
  return command.subarray(commandView.keyStart, commandView.keyEnd);
}

function bytesOf({ result }: LookedWrite): Uint8Array {
  return result ?? new Uint8Array(0);
}

/** All that is known of a transaction whose result was not kept. */
function outcomeAlone({ compareFailed }: LookedWrite): TxnResult {
  return { succeeded: !compareFailed, steps: [] };
}
