import {
  CompactRequest,
  CompactResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  DeleteRequest,
  DeleteResponse,
  DescribeResponse,
  DougError,
  GetRequest,
  GetResponse,
  LookupRequest,
  LookupResponse,
  MultiGetRequest,
  MultiGetResponse,
  type OpId,
  PartitionListResponse,
  PutRequest,
  PutResponse,
  type RouteHint,
  ScanRequest,
  ScanResponse,
  StatusRequest,
  StatusResponse,
  TransferLeaderRequest,
  TransferLeaderResponse,
  TxnRequest,
  TxnResponse,
  type TxnStep,
} from '@dougdb/rpc-proto';
import type { TestCluster, TestNode } from './test-cluster.js';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | undefined): string | undefined =>
  value && new TextDecoder().decode(value);

/** An op id of a session that began at this log time. */
export function opId(startedAt: number, seq: number, more: Partial<OpId> = {}): OpId {
  return { session: new Uint8Array(16).fill(0x5e), startedAt, seq, firstIncomplete: 0, ...more };
}

export async function put(
  node: TestNode,
  key: Uint8Array | string,
  value: Uint8Array | string,
  more: Partial<PutRequest> = {},
): Promise<PutResponse> {
  const request = PutRequest.encode(
    PutRequest.fromPartial({
      key: typeof key === 'string' ? bytes(key) : key,
      value: typeof value === 'string' ? bytes(value) : value,
      ...more,
    }),
  ).finish();
  return PutResponse.decode(await node.unary('/dougdb.v1.Doug/Put', request));
}

export async function del(
  node: TestNode,
  key: string,
  more: Partial<DeleteRequest> = {},
): Promise<DeleteResponse> {
  const request = DeleteRequest.encode(
    DeleteRequest.fromPartial({ key: bytes(key), ...more }),
  ).finish();
  return DeleteResponse.decode(await node.unary('/dougdb.v1.Doug/Delete', request));
}

export async function txn(
  node: TestNode,
  request: Parameters<typeof TxnRequest.fromPartial>[0],
): Promise<TxnResponse> {
  const bytesOfRequest = TxnRequest.encode(TxnRequest.fromPartial(request)).finish();
  return TxnResponse.decode(await node.unary('/dougdb.v1.Doug/Txn', bytesOfRequest));
}

export async function deleteRange(
  node: TestNode,
  start: string,
  end: string,
  more: Partial<DeleteRangeRequest> = {},
): Promise<DeleteRangeResponse> {
  const request = DeleteRangeRequest.encode(
    DeleteRangeRequest.fromPartial({ start: bytes(start), end: bytes(end), ...more }),
  ).finish();
  return DeleteRangeResponse.decode(await node.unary('/dougdb.v1.Doug/DeleteRange', request));
}

/** Steps of a transaction. */
export const putStep = (key: string, content: string): TxnStep => ({
  step: {
    $case: 'put',
    value: { key: bytes(key), value: bytes(content), ttlMs: 0, returnPrevious: false },
  },
});
export const getStep = (key: string): TxnStep => ({
  step: { $case: 'get', value: { key: bytes(key) } },
});

export async function get(
  node: TestNode,
  key: Uint8Array | string,
  more: Partial<GetRequest> = {},
): Promise<GetResponse> {
  const request = GetRequest.encode({
    context: undefined,
    key: typeof key === 'string' ? bytes(key) : key,
    consistency: 0,
    revision: 0,
    maxAgeMs: 0,
    ...more,
  }).finish();
  return GetResponse.decode(await node.unary('/dougdb.v1.Doug/Get', request));
}

export async function multiGet(
  node: TestNode,
  keys: readonly string[],
  more: Partial<MultiGetRequest> = {},
): Promise<MultiGetResponse> {
  const request = MultiGetRequest.encode(
    MultiGetRequest.fromPartial({ keys: keys.map(bytes), ...more }),
  ).finish();
  return MultiGetResponse.decode(await node.unary('/dougdb.v1.Doug/MultiGet', request));
}

export async function value(node: TestNode, key: string): Promise<string | undefined> {
  return text((await get(node, key)).kv?.value);
}

export async function scan(
  cluster: TestCluster,
  node: TestNode,
  more: Partial<ScanRequest> = {},
): Promise<ScanResponse[]> {
  const chunks: ScanResponse[] = [];
  const request = ScanRequest.encode({
    context: undefined,
    start: new Uint8Array(0),
    end: new Uint8Array(0),
    limit: 0,
    reverse: false,
    keysOnly: false,
    consistency: 0,
    revision: 0,
    maxAgeMs: 0,
    countOnly: false,
    token: new Uint8Array(0),
    ...more,
  }).finish();
  const context = { deadlineMs: node.clock.monotonicMs() + 5_000 };
  const output = {
    cancelled: false,
    send: async (chunk: Uint8Array) => {
      chunks.push(ScanResponse.decode(chunk));
    },
  };
  await cluster.run(node.member.scan(request, context, output));
  return chunks;
}

/** dougdb.v1.Routes/Describe. */
export async function describeCluster(node: TestNode): Promise<DescribeResponse> {
  const answer = await node.unary('/dougdb.v1.Routes/Describe', new Uint8Array(0));
  return DescribeResponse.decode(answer);
}

/** Partition id of the key, and the node that is said to lead it. */
export async function lookup(node: TestNode, key: string): Promise<[number, number]> {
  const request = LookupRequest.encode({ context: undefined, key: bytes(key) }).finish();
  const answer = await node.unary('/dougdb.v1.Routes/Lookup', request);
  const { route } = LookupResponse.decode(answer);
  return [route?.partition?.partitionId ?? 0, route?.leaderNodeId ?? 0];
}

/** dougdb.admin.v1.Admin/PartitionList. */
export async function partitionList(node: TestNode): Promise<readonly RouteHint[]> {
  const answer = await node.unary('/dougdb.admin.v1.Admin/PartitionList', new Uint8Array(0));
  return PartitionListResponse.decode(answer).partitions;
}

/** dougdb.admin.v1.Admin/Compact; the floor that it answers. */
export async function compact(
  node: TestNode,
  request: Partial<CompactRequest>,
  timeoutMs = 3000,
): Promise<number> {
  const bytes = CompactRequest.encode({
    ...{ clusterId: new Uint8Array(0), partitionId: 2, revision: 0 },
    ...request,
  }).finish();
  const answer = await node.unary('/dougdb.admin.v1.Admin/Compact', bytes, timeoutMs);
  return CompactResponse.decode(answer).historyFloor;
}

/** dougdb.admin.v1.Admin/TransferLeader. */
export async function transferLeader(
  node: TestNode,
  partitionId: number,
  toNodeId: number,
  timeoutMs = 5_000,
): Promise<TransferLeaderResponse> {
  const request = TransferLeaderRequest.encode({
    clusterId: new Uint8Array(0),
    partitionId,
    toNodeId,
  }).finish();
  const answer = await node.unary('/dougdb.admin.v1.Admin/TransferLeader', request, timeoutMs);
  return TransferLeaderResponse.decode(answer);
}

/** How many partitions each node leads by its own word, in the order of the nodes; -1: down. */
export function leaderCounts(cluster: TestCluster): number[] {
  return cluster.nodes.map((node) => {
    if (!node.running) return -1;
    return node.member.replicaStatuses().filter(({ role }) => role === 'leader').length;
  });
}

export async function status(node: TestNode): Promise<StatusResponse> {
  const request = StatusRequest.encode({ nodeId: 0 }).finish();
  return StatusResponse.decode(await node.unary('/dougdb.admin.v1.Admin/Status', request));
}

/** Who leads a partition, by its own word. */
export async function leaderOf(cluster: TestCluster, partitionId = 2): Promise<TestNode> {
  for (const node of cluster.nodes) {
    if (!node.running) continue;
    const { replicas } = await status(node);
    const leads = replicas.some((r) => r.partitionId === partitionId && r.role === 'leader');
    if (leads) return node;
  }
  throw new Error(`nobody leads partition ${partitionId}`);
}

export async function followersOf(cluster: TestCluster, partitionId = 2): Promise<TestNode[]> {
  const leader = await leaderOf(cluster, partitionId);
  return cluster.nodes.filter((node) => node !== leader);
}

/** The DougError that a call ends with. @throws when it succeeds or throws something else */
export async function errorOf(call: Promise<unknown>): Promise<DougError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  if (DougError.is(error)) return error;
  throw error;
}
