import type { Entry, Message } from '@dougdb/raft-core';
import { FRAME_HEADROOM_BYTES } from '@dougdb/rpc-proto';
import type { PartitionMessage } from './partition-message.js';
import { blockSize, entrySize, messageSize, Tag } from './wire-size.js';

/**
 * The messages as an encoded dougdb.raft.v1.MessageBatch, by hand: sizes first, then one pass that
 * copies the data of each entry once. The generated code makes the same bytes.
 * @throws ReplicaError for what has no form on the wire yet: snapshots and repairs
 */
export function encodeMessageBatch(items: readonly PartitionMessage[]): Uint8Array {
  const bytes = new Uint8Array(batchSize(items));
  writeBatch(bytes, 0, items);
  return bytes;
}

/**
 * As {@link encodeMessageBatch}, wrapped as MessagesRequest.batch. The view has FRAME_HEADROOM_BYTES
 * free bytes before it in its buffer, for the header of a gRPC frame.
 */
export function encodeMessagesRequest(items: readonly PartitionMessage[]): Uint8Array {
  const size = batchSize(items);
  const bytes = new Uint8Array(FRAME_HEADROOM_BYTES + blockSize(size));
  const at = writeBlockHeader(bytes, FRAME_HEADROOM_BYTES, Tag.RequestBatch, size);
  writeBatch(bytes, at, items);
  return bytes.subarray(FRAME_HEADROOM_BYTES);
}

/** Bytes that a message takes in a batch: what queues count. */
export function encodedMessageBytes(partitionId: number, message: Message): number {
  return blockSize(messageSize(partitionId, message));
}

function batchSize(items: readonly PartitionMessage[]): number {
  let size = 0;
  for (const item of items) size += encodedMessageBytes(item.partitionId, item.message);
  return size;
}

function writeBatch(bytes: Uint8Array, at: number, items: readonly PartitionMessage[]): void {
  let pos = at;
  for (const { partitionId, message } of items) {
    pos = writeBlockHeader(bytes, pos, Tag.BatchMessage, messageSize(partitionId, message));
    pos = writeMessage(bytes, pos, partitionId, message);
  }
}

function writeMessage(bytes: Uint8Array, at: number, partitionId: number, m: Message): number {
  let pos = writeNumber(bytes, at, Tag.PartitionId, partitionId);
  pos = writeNumber(bytes, pos, Tag.To, m.to);
  pos = writeNumber(bytes, pos, Tag.From, m.from);
  pos = writeNumber(bytes, pos, Tag.Type, m.type);
  pos = writeNumber(bytes, pos, Tag.Term, m.term);
  pos = writeNumber(bytes, pos, Tag.LogTerm, m.logTerm);
  pos = writeNumber(bytes, pos, Tag.Index, m.index);
  pos = writeNumber(bytes, pos, Tag.Commit, m.commit);
  pos = writeNumber(bytes, pos, Tag.Reject, m.reject ? 1 : 0);
  pos = writeNumber(bytes, pos, Tag.RejectHint, m.rejectHint);
  pos = writeNumber(bytes, pos, Tag.Force, m.force ? 1 : 0);
  pos = writeNumber(bytes, pos, Tag.ReadToken, m.readToken);
  for (const entry of m.entries) {
    pos = writeBlockHeader(bytes, pos, Tag.Entry, entrySize(entry));
    pos = writeEntry(bytes, pos, entry);
  }
  return pos;
}

function writeEntry(bytes: Uint8Array, at: number, entry: Entry): number {
  let pos = writeNumber(bytes, at, Tag.EntryTerm, entry.term);
  pos = writeNumber(bytes, pos, Tag.EntryIndex, entry.index);
  pos = writeNumber(bytes, pos, Tag.EntryType, entry.type);
  const { data, checksum } = entry;
  if (data.length > 0) {
    pos = writeBlockHeader(bytes, pos, Tag.EntryData, data.length);
    bytes.set(data, pos);
    pos += data.length;
  }
  if (checksum === 0) return pos;
  bytes[pos++] = Tag.EntryChecksum;
  for (let shift = 0; shift < 32; shift += 8) bytes[pos++] = checksum >>> shift;
  return pos;
}

function writeBlockHeader(bytes: Uint8Array, at: number, tag: number, length: number): number {
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, length);
}

function writeNumber(bytes: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, value);
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let pos = at;
  let rest = value;
  // Shifts would cut off what does not fit into 31 bits.
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) bytes[pos++] = (rest % 128) | 0x80;
  for (; rest > 127; rest >>>= 7) bytes[pos++] = (rest & 0x7f) | 0x80;
  bytes[pos++] = rest;
  return pos;
}
