import {
  checkKeyBytes,
  decodeRequest,
  GetRequest,
  GetResponse,
  readLevel,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { linearizableMark } from './consistency.js';
import { oneAnswer } from './unary-sink.js';

/** dougdb.v1.Doug/Get. */
export async function handleGet(
  view: ClusterView,
  request: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<Uint8Array> {
  const asked = decodeRequest(GetRequest, request);
  const { context, key: borrowed } = asked;
  checkKeyBytes(borrowed.length);
  const level = readLevel(asked.consistency, asked.revision, asked.maxAgeMs);
  const replica = view.replicaFor(context, borrowed);
  // The read may wait longer than the buffer of the request lives.
  const key = borrowed.slice();
  const answer = await oneAnswer((sink, id) =>
    replica.get(key, level, context?.epochVersion ?? 0, deadlineMs, sink, id),
  );
  const isRead = answer.kind === 'found' || answer.kind === 'absent';
  const header = view.header(replica, isRead ? answer.mark : linearizableMark);
  const kv =
    answer.kind === 'found'
      ? { key, value: answer.value, revision: answer.revision, expiresAt: answer.expiresAt }
      : undefined;
  return GetResponse.encode({ header, kv }).finish();
}
