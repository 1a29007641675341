/**
 * A whole DougDB member without sockets: identity, genesis and join, one WAL for all replicas, request
 * handlers over raw bytes, admission control. The process around it (gRPC, HTTP, signals) is doug-node.
 * @packageDocumentation
 */
export type {
  CallContext,
  IncomingLink,
  MapWatchOutput,
  MemberOptions,
  MemberSettings,
  PeerChannel,
  PeerLink,
  PeerLinkEvents,
  PeerNetwork,
  PipeOutput,
  PipeSession,
  ScanOutput,
  UnaryMethod,
  WatchOutput,
  WatchSession,
} from './contract.js';
export { splitKeysFault } from './genesis/split-keys.js';
export { Member } from './member.js';
export { MemberError, MemberErrorCode, type MemberExitCode } from './member-error.js';
