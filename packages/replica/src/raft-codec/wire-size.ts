import { type Entry, type Message, MessageType } from '@dougdb/raft-core';
import { broken } from '../replica-error.js';

/** Tags of dougdb.raft.v1: field number * 8 + wire type. All fit into one byte. */
export const Tag = {
  BatchMessage: 0x0a,
  RequestBatch: 0x12,
  PartitionId: 0x08,
  To: 0x10,
  From: 0x18,
  Type: 0x20,
  Term: 0x28,
  LogTerm: 0x30,
  Index: 0x38,
  Commit: 0x40,
  Reject: 0x48,
  RejectHint: 0x50,
  Force: 0x58,
  ReadToken: 0x60,
  Entry: 0x6a,
  EntryTerm: 0x08,
  EntryIndex: 0x10,
  EntryType: 0x18,
  EntryData: 0x22,
  EntryChecksum: 0x2d,
} as const;

const FIXED32_FIELD_BYTES = 5;
const BOOL_FIELD_BYTES = 2;

/** Length of a varint. @param value - a safe integer >= 0 */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Length of a field of bytes. */
export function blockSize(contentBytes: number): number {
  return 1 + varintSize(contentBytes) + contentBytes;
}

/**
 * Length of a message as dougdb.raft.v1.RaftMessage.
 * @throws ReplicaError for a MsgSnap, which has no form on the wire yet
 */
export function messageSize(partitionId: number, m: Message): number {
  if (m.type === MessageType.MsgSnap) broken('message-on-wire', 'MsgSnap cannot be sent');
  let size = numberSize(partitionId) + numberSize(m.to) + numberSize(m.from);
  size += numberSize(m.type) + numberSize(m.term) + numberSize(m.logTerm) + numberSize(m.index);
  size += numberSize(m.commit) + numberSize(m.rejectHint) + numberSize(m.readToken);
  size += (m.reject ? BOOL_FIELD_BYTES : 0) + (m.force ? BOOL_FIELD_BYTES : 0);
  for (const entry of m.entries) size += blockSize(entrySize(entry));
  return size;
}

/** Length of an entry as dougdb.raft.v1.RaftEntry. */
export function entrySize(entry: Entry): number {
  const data = entry.data.length;
  return (
    numberSize(entry.term) +
    numberSize(entry.index) +
    numberSize(entry.type) +
    (data === 0 ? 0 : blockSize(data)) +
    (entry.checksum === 0 ? 0 : FIXED32_FIELD_BYTES)
  );
}

/** proto3 leaves out zeros. */
function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}
