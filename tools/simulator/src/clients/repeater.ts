import {
  DeleteRequest,
  DeleteResponse,
  type OpId,
  PutRequest,
  PutResponse,
} from '@dougdb/rpc-proto';
import type { LookAnswer, LookingWrite } from '../looking-write.js';
import { connectClient } from '../sim-client.js';
import type { ClientKind } from './client.js';
import type { RawCaller } from './raw-caller.js';
import { Registers } from './registers.js';
import { RepeatingSender } from './repeating-sender.js';

/** As registers, but its writes that look first go over a client that does not trust exactly-once. */
export const repeater: ClientKind = async (context) => {
  const { cluster, name } = context;
  const sender = new RepeatingSender(context);
  const look = (write: LookingWrite): Promise<LookAnswer> =>
    sender.run({
      what: `${write.kind} ${write.key}`,
      partitionId: cluster.partitioning.partitionOf(write.key),
      key: write.key,
      send: (caller, opId) => sendLook(caller, write, opId),
      isAsLogged: (answer, logged) =>
        logged.revision === answer.revision &&
        logged.compareFailed === answer.compareFailed &&
        logged.previous?.revision === answer.previous?.revision,
    });
  return new Registers(context, await connectClient(cluster, name), { look });
};

async function sendLook(caller: RawCaller, write: LookingWrite, opId: OpId): Promise<LookAnswer> {
  const { kind, value, ifAbsent, ifRevision, returnPrevious } = write;
  const key = encoder.encode(write.key);
  const common = { opId, key, ifRevision, returnPrevious };
  if (kind === 'put') {
    const put = { ...common, value: encoder.encode(value as string), ifAbsent };
    const request = PutRequest.encode(PutRequest.fromPartial(put)).finish();
    return answerOf(write, PutResponse.decode(await caller.call('Put', request)));
  }
  const removal = { ...common, returnExisted: true };
  const request = DeleteRequest.encode(DeleteRequest.fromPartial(removal)).finish();
  return answerOf(write, DeleteResponse.decode(await caller.call('Delete', request)));
}

function answerOf(write: LookingWrite, response: PutResponse | DeleteResponse): LookAnswer {
  const { revision, compareFailed, previousRevision, previousValue, resultNotKept } = response;
  if (resultNotKept) throw new Error('a result of a few bytes was not kept');
  const value = write.returnPrevious ? decoder.decode(previousValue) : null;
  const previous = previousRevision === 0 ? null : { revision: previousRevision, value };
  return { revision, compareFailed, previous };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
