import type { Outbox } from '#src/core/outbox.js';
import type { Raft } from '#src/core/raft.js';
import { type Message, MessageType, makeMessage } from '#src/message.js';
import type { EtcdMessage } from './etcd-message.js';

const afterAppend: ReadonlySet<number> = new Set([
  MessageType.MsgAppResp,
  MessageType.MsgVoteResp,
  MessageType.MsgPreVoteResp,
]);

/**
 * The ways out as etcd has them: answers wait for the next append whatever they say, none is left out,
 * and a replica's votes and acknowledgements for itself are messages too (raft.go, send).
 */
export class EtcdOutbox implements Outbox {
  messages: EtcdMessage[] = [];
  messagesAfterAppend: EtcdMessage[] = [];
  readonly #raft: Raft;

  constructor(raft: Raft) {
    this.#raft = raft;
  }

  send(m: Message): void {
    if (afterAppend.has(m.type)) this.messagesAfterAppend.push(m);
    else this.messages.push(m);
  }

  sendWhenDurable(m: Message): void {
    this.send(m);
  }

  voteForSelf(type: MessageType, term: number): boolean {
    const isPre = type === MessageType.MsgPreVote;
    this.#toSelf(isPre ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp, term, 0);
    return false;
  }

  appended(last: number): void {
    this.#toSelf(MessageType.MsgAppResp, this.#raft.term, last);
  }

  termChanged(): void {}

  truncateFrom(_index: number): void {}

  #toSelf(type: MessageType, term: number, index: number): void {
    const m = makeMessage(type, this.#raft.id, term);
    m.from = this.#raft.id;
    m.index = index;
    this.messagesAfterAppend.push(m);
  }
}
