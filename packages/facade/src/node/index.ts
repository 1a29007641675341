/**
 * How nodes and facades are reached by gRPC.
 * @packageDocumentation
 */
export { GrpcTransport } from './grpc-transport.js';
