import type { MethodDefinition } from '@grpc/grpc-js';

/**
 * A method whose requests and answers stay encoded on both sides. A server gets the bytes as they came
 * and decodes them in its handler, so that garbage gets an error code of ours; what it answers with
 * is already encoded.
 */
export type RawMethod = MethodDefinition<Uint8Array, Uint8Array>;

/** The same memory as a Buffer, which grpc-js wants: no copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const asIs = (bytes: Buffer): Uint8Array => bytes;

type Shape = 'unary' | 'server stream' | 'bidi';

function method(service: string, name: string, shape: Shape): RawMethod {
  return {
    path: `/${service}/${name}`,
    requestStream: shape === 'bidi',
    responseStream: shape !== 'unary',
    requestSerialize: asBuffer,
    requestDeserialize: asIs,
    responseSerialize: asBuffer,
    responseDeserialize: asIs,
    originalName: name.charAt(0).toLowerCase() + name.slice(1),
  };
}

const doug = 'dougdb.v1.Doug';
/** dougdb.v1.Doug: what applications use. Messages: GetRequest, GetResponse and so on. */
export const dougService = {
  get: method(doug, 'Get', 'unary'),
  put: method(doug, 'Put', 'unary'),
  delete: method(doug, 'Delete', 'unary'),
  deleteRange: method(doug, 'DeleteRange', 'unary'),
  txn: method(doug, 'Txn', 'unary'),
  multiGet: method(doug, 'MultiGet', 'unary'),
  scan: method(doug, 'Scan', 'server stream'),
  watch: method(doug, 'Watch', 'bidi'),
  pipe: method(doug, 'Pipe', 'bidi'),
};

const routes = 'dougdb.v1.Routes';
/** dougdb.v1.Routes: where things are. */
export const routesService = {
  describe: method(routes, 'Describe', 'unary'),
  lookup: method(routes, 'Lookup', 'unary'),
  watchMap: method(routes, 'WatchMap', 'server stream'),
};

const raft = 'dougdb.raft.v1.Raft';
/** dougdb.raft.v1.Raft: between members. */
export const raftService = {
  messages: method(raft, 'Messages', 'bidi'),
};

const genesis = 'dougdb.raft.v1.Genesis';
/** dougdb.raft.v1.Genesis: how empty nodes become a cluster. */
export const genesisService = {
  ask: method(genesis, 'Ask', 'unary'),
  offer: method(genesis, 'Offer', 'unary'),
};

const admin = 'dougdb.admin.v1.Admin';
/** dougdb.admin.v1.Admin: for operators. */
export const adminService = {
  status: method(admin, 'Status', 'unary'),
  memberList: method(admin, 'MemberList', 'unary'),
  partitionList: method(admin, 'PartitionList', 'unary'),
  transferLeader: method(admin, 'TransferLeader', 'unary'),
  compact: method(admin, 'Compact', 'unary'),
};
