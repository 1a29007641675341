/**
 * DougDB's protocol on grpc-js: service definitions whose messages stay encoded, errors to and from
 * gRPC statuses, and the options that every channel and server of ours uses.
 * @packageDocumentation
 */
export { monotonicDeadlineMs } from './call-deadline.js';
export { CountedWrites } from './counted-writes.js';
export { fileDescriptorSet } from './file-descriptor-set.js';
export { type FailedCall, fromGrpcError, type GrpcError, grpcError } from './grpc-error.js';
export {
  channelOptions,
  channelOptionsFor,
  clientMessageBytes,
  peerMessageBytes,
  serverOptions,
  serverOptionsFor,
} from './grpc-options.js';
export { JoinedWrites } from './joined-writes.js';
export {
  adminService,
  asBuffer,
  dougService,
  genesisService,
  type RawMethod,
  raftService,
  routesService,
} from './service-definitions.js';
