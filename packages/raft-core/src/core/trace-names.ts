import { type Message, MessageType } from '../message.js';
import type { TraceName } from '../trace.js';

/** etcd's name for sending or receiving a message; null for those that its model does not know. */
export function traceMessageName(direction: 'Send' | 'Receive', m: Message): TraceName | null {
  switch (m.type) {
    case MessageType.MsgApp:
    case MessageType.MsgHeartbeat:
      return `${direction}AppendEntriesRequest`;
    case MessageType.MsgAppResp:
    case MessageType.MsgHeartbeatResp:
      return `${direction}AppendEntriesResponse`;
    case MessageType.MsgVote:
      return `${direction}RequestVoteRequest`;
    case MessageType.MsgVoteResp:
      return `${direction}RequestVoteResponse`;
    case MessageType.MsgSnap:
      return `${direction}Snapshot`;
    default:
      return null;
  }
}
