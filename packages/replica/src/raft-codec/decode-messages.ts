import { type Entry, EntryType, type Message, MessageType, makeMessage } from '@dougdb/raft-core';
import { MessageBatch, type RaftEntry, type RaftMessage } from '@dougdb/rpc-proto';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import type { PartitionMessage } from './partition-message.js';
import { offWire } from './wire-size.js';

const messageTypes: ReadonlySet<number> = new Set(Object.values(MessageType));
const entryTypes: ReadonlySet<number> = new Set(Object.values(EntryType));

/**
 * Reads an encoded dougdb.raft.v1.MessageBatch. Everything that a message alone can show to be wrong
 * is refused here, so that garbage never reaches the Raft core; one bad message refuses the batch,
 * because a peer that sends it cannot be trusted with the rest. The data of entries are views of
 * `bytes`, which must not change afterwards.
 * @throws ReplicaError REPLICA_BAD_MESSAGE
 */
export function decodeMessageBatch(bytes: Uint8Array): PartitionMessage[] {
  return messagesOfBatch(decodeGenerated(bytes));
}

/** As {@link decodeMessageBatch}, of a batch that the generated code has decoded. */
export function messagesOfBatch(batch: MessageBatch): PartitionMessage[] {
  return batch.messages.map((raw) => {
    if (!isId(raw.partitionId)) refuse(`partition ${raw.partitionId}`);
    return { partitionId: raw.partitionId, message: toMessage(raw) };
  });
}

function decodeGenerated(bytes: Uint8Array): MessageBatch {
  try {
    return MessageBatch.decode(bytes);
  } catch (cause) {
    throw new ReplicaError(ReplicaErrorCode.BadMessage, 'malformed batch of a peer', { cause });
  }
}

function toMessage(raw: RaftMessage): Message {
  if (!messageTypes.has(raw.type)) refuse(`type ${raw.type}`);
  const reason = offWire(raw.type, raw.readToken);
  if (reason !== null) refuse(reason);
  if (!isId(raw.to) || !isId(raw.from)) refuse(`from ${raw.from} to ${raw.to}`);
  const message = makeMessage(raw.type as MessageType, raw.to, count(raw.term));
  message.from = raw.from;
  message.logTerm = count(raw.logTerm);
  message.index = count(raw.index);
  message.commit = count(raw.commit);
  message.reject = raw.reject;
  message.rejectHint = count(raw.rejectHint);
  message.force = raw.force;
  message.readToken = count(raw.readToken);
  if (raw.entries.length > 0) message.entries = toEntries(raw);
  return message;
}

/** Entries follow message.index without a gap, in terms that do not fall and are at most the message's. */
function toEntries(raw: RaftMessage): Entry[] {
  if (raw.type !== MessageType.MsgApp) refuse(`entries in a message of type ${raw.type}`);
  let term = raw.logTerm;
  return raw.entries.map((entry: RaftEntry, i): Entry => {
    if (count(entry.index) !== raw.index + 1 + i) refuse(`entry ${entry.index} is out of order`);
    if (count(entry.term) < Math.max(1, term) || entry.term > raw.term) {
      refuse(`entry of term ${entry.term} after ${term} in a message of term ${raw.term}`);
    }
    if (!entryTypes.has(entry.type)) refuse(`entry of type ${entry.type}`);
    term = entry.term;
    const { index, data, checksum } = entry;
    return { term, index, type: entry.type as EntryType, data, checksum };
  });
}

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function count(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) refuse(`number ${value}`);
  return value;
}

function refuse(what: string): never {
  throw new ReplicaError(ReplicaErrorCode.BadMessage, `message of a peer refused: ${what}`);
}
