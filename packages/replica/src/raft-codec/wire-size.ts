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

/** What only snapshots and repairs send: a part of it would be lost on the way. */
const OFF_WIRE: ReadonlySet<number> = new Set([
  MessageType.MsgSnap,
  MessageType.MsgSnapReq,
  MessageType.MsgEntryReq,
  MessageType.MsgEntryResp,
]);

/** Why a message of this type, with this token, has no form on the wire yet; null: it has one. */
export function offWire(type: number, readToken: number): string | null {
  if (OFF_WIRE.has(type)) return `type ${type}`;
  const isAppend = type === MessageType.MsgApp || type === MessageType.MsgAppResp;
  // There it names the life of a replica that lost entries, and speaks of them in fields that are not sent.
  return isAppend && readToken !== 0 ? `type ${type} with a token` : null;
}

/**
 * Length of a message as dougdb.raft.v1.RaftMessage.
 * @throws ReplicaError for what has no form on the wire yet
 */
export function messageSize(partitionId: number, m: Message): number {
  const isAboutLoss = m.repairIndex !== 0 || m.denyTerm !== 0;
  const reason = offWire(m.type, m.readToken) ?? (isAboutLoss ? 'a repair' : null);
  if (reason !== null) broken('message-on-wire', `${reason} cannot be sent`);
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
