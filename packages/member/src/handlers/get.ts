import { checkKeyBytes, decodeRequest, GetRequest, GetResponse } from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';
import { servedConsistency, wireConsistency } from './consistency.js';
import { oneAnswer } from './unary-sink.js';

/** dougdb.v1.Doug/Get. */
export async function handleGet(
  view: ClusterView,
  request: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<Uint8Array> {
  const { context, key: borrowed, consistency: asked } = decodeRequest(GetRequest, request);
  checkKeyBytes(borrowed.length);
  const consistency = servedConsistency(asked);
  const replica = view.replicaFor(context, borrowed);
  // The read may wait longer than the buffer of the request lives.
  const key = borrowed.slice();
  const answer = await oneAnswer((sink, id) =>
    replica.get(key, consistency, context?.epochVersion ?? 0, deadlineMs, sink, id),
  );
  const header = view.header(replica, wireConsistency(consistency));
  const kv =
    answer.kind === 'found'
      ? { key, value: answer.value, revision: answer.revision, expiresAt: 0 }
      : undefined;
  return GetResponse.encode({ header, kv }).finish();
}
