import type { ChannelOptions } from '@grpc/grpc-js';
import { type LimitTable, limits } from '../limits.js';

const MIB = 1024 * 1024;

/**
 * Largest gRPC message in each direction of a server or channel that only clients use: a request and
 * what is around it. Handlers still refuse what is above `requestBytes` with a code of ours.
 */
export function clientMessageBytes(table: LimitTable = limits): number {
  return table.requestBytes + table.envelopeBytes;
}

/** Largest gRPC message of whatever carries Raft: a peer's entry and what is around it. */
export function peerMessageBytes(table: LimitTable = limits): number {
  return table.peerEntryBytes + table.envelopeBytes;
}

function common(table: LimitTable, maxMessageBytes: number): ChannelOptions {
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    // grpc-js sends any size by default, which the other side then refuses.
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': table.connectionStreams,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    // Worth nothing on loopback, but a window of 64 KiB starves a link with real round trips.
    'grpc-node.flow_control_window': MIB,
    // Megabytes. Without a bound a peer that sends and never reads fills the memory.
    'grpc-node.max_session_memory': 64,
  };
}

/**
 * Options of a grpc-js client or channel.
 * @param maxMessageBytes - {@link peerMessageBytes} between members
 */
export function channelOptionsFor(
  table: LimitTable,
  maxMessageBytes: number = clientMessageBytes(table),
): ChannelOptions {
  return {
    ...common(table, maxMessageBytes),
    // Else two channels of one process to one address share a connection: one queue, one fate.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1000,
    // A host name whose address changed is found within about a second, not after 30.
    'grpc.dns_min_time_between_resolutions_ms': 1000,
    'grpc.keepalive_permit_without_calls': 1,
    // Members are reached as they are named, whatever http_proxy says.
    'grpc.enable_http_proxy': 0,
    // No TXT lookup for each name; and nobody but us may decide about retries.
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
  };
}

/**
 * Options of a grpc-js server.
 * @param maxMessageBytes - {@link peerMessageBytes} for a server that also serves Raft; its other
 * handlers refuse what is above `requestBytes` themselves
 */
export function serverOptionsFor(
  table: LimitTable,
  maxMessageBytes: number = clientMessageBytes(table),
): ChannelOptions {
  return { ...common(table, maxMessageBytes), 'grpc.enable_channelz': 0 };
}

/** {@link channelOptionsFor} the default limits. */
export const channelOptions: Readonly<ChannelOptions> = Object.freeze(channelOptionsFor(limits));

/** {@link serverOptionsFor} the default limits. */
export const serverOptions: Readonly<ChannelOptions> = Object.freeze(serverOptionsFor(limits));
