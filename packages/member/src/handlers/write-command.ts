import {
  DougError,
  type LookedWrite,
  type RequestContext,
  type ResponseHeader,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { linearizableMark } from './consistency.js';
import { oneAnswer, type UnaryAnswer } from './unary-sink.js';

/** What became of a command. */
export interface CommandOutcome {
  readonly header: ResponseHeader;
  readonly write: LookedWrite;
}

/**
 * Has an encoded Command carried out by the partition of its key. The replica checks the command whole: what is
 * over a limit never gets further.
 */
export async function writeCommand(
  view: ClusterView,
  context: RequestContext | undefined,
  key: Uint8Array,
  command: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<CommandOutcome> {
  const replica = view.replicaFor(context, key);
  const epoch = context?.epochVersion ?? 0;
  const answer = await oneAnswer((sink, id) =>
    replica.write(command, 0, command.length, epoch, deadlineMs, sink, id),
  );
  const write = outcomeOf(answer);
  return { header: view.header(replica, linearizableMark), write };
}

/** @throws DougError INTERNAL */
function outcomeOf(answer: UnaryAnswer): LookedWrite {
  if (answer.kind === 'looked') return answer.write;
  if (answer.kind !== 'written') throw new DougError('INTERNAL', 'a write was answered as a read');
  const { revision } = answer;
  return { revision, compareFailed: false, previousRevision: 0, previousValue: null };
}
