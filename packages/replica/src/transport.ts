import type { Message } from '@dougdb/raft-core';

/**
 * Carries Raft messages to other replicas. Fire and forget: what cannot be queued is dropped, and the
 * replica is told by its `reportUnreachable`. The message is encoded before `send` returns or never
 * changed afterwards: messages and entries are immutable.
 */
export interface Transport {
  /** Takes one message for the replica `message.to` of this partition, which lives on `toNodeId`. */
  send(toNodeId: number, partitionId: number, message: Message): void;
}
