import { type Entry, type Message, MessageType } from '@dougdb/raft-core';
import { encodeHardState, type StoredHardState } from '../format/hard-state-format.js';
import type { HardStateStore } from '../hard-state-store.js';
import { broken } from '../replica-error.js';

/** What is known to be durable of term and vote, and the checks that nothing runs ahead of it (S1). */
export class HardStateKeeper {
  readonly #store: HardStateStore;
  readonly #replicaId: number;
  #durable: StoredHardState;

  constructor(store: HardStateStore, replicaId: number, durable: StoredHardState) {
    this.#store = store;
    this.#replicaId = replicaId;
    this.#durable = durable;
  }

  /** Makes term and vote durable. One put at a time. A rejection is fatal for the process. */
  async put(term: number, vote: number): Promise<void> {
    const next = { term, vote, counter: this.#durable.counter + 1 };
    await this.#store.put(this.#replicaId, encodeHardState(this.#replicaId, next));
    this.#durable = next;
  }

  /**
   * INVARIANT(vote-durable): no message of a term leaves before the term is durable, and no vote before
   * the vote is. A pre-vote and its grant only speak of a term that nobody is in yet.
   */
  checkMessage(m: Message): void {
    const { term, vote } = this.#durable;
    const isPreVote = m.type === MessageType.MsgPreVote;
    if (isPreVote || (m.type === MessageType.MsgPreVoteResp && !m.reject)) return;
    if (m.term > term) broken('vote-durable', `message of term ${m.term}, durable is ${term}`);
    const isOwnVote = m.type === MessageType.MsgVote;
    if (!isOwnVote && (m.type !== MessageType.MsgVoteResp || m.reject)) return;
    const candidate = isOwnVote ? this.#replicaId : m.to;
    if (m.term === term && vote !== candidate) {
      broken('vote-durable', `vote for ${candidate} in term ${term}, durable is one for ${vote}`);
    }
  }

  /** INVARIANT(term-before-entries): a term is durable before any entry of it is handed to the log. */
  checkEntries(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last !== undefined && last.term > this.#durable.term) {
      broken('term-before-entries', `entry of term ${last.term}, durable is ${this.#durable.term}`);
    }
  }
}
