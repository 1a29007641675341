/**
 * DougDB's protocol: messages, the one table of error codes, limits, and hand-written codecs for the
 * hot paths. gRPC service definitions are in `@dougdb/rpc-proto/node`.
 * @packageDocumentation
 */
export * from './gen/dougdb/admin/v1/admin.js';
export * from './gen/dougdb/raft/v1/genesis.js';
export * from './gen/dougdb/raft/v1/raft.js';
export * from './gen/dougdb/v1/doug.js';
export * from './gen/dougdb/v1/routes.js';
export * from './gen/dougdb/v1/types.js';
