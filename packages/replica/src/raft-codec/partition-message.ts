import type { Message } from '@dougdb/raft-core';

/** A Raft message and the partition whose group it belongs to. */
export interface PartitionMessage {
  readonly partitionId: number;
  readonly message: Message;
}
