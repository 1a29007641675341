import { type Message, MessageType, makeMessage } from '@dougdb/raft-core';
import { codeOf } from '../error-code.js';
import { decodeHardState } from '../format/hard-state-format.js';
import type { HardStateStore } from '../hard-state-store.js';
import { HardStateKeeper } from './hard-state-keeper.js';

const SELF = 3;

class Store implements HardStateStore {
  values: Uint8Array[] = [];
  release: () => void = () => undefined;

  get(): null {
    return null;
  }
  put(_id: number, value: Uint8Array): Promise<void> {
    this.values.push(value);
    return new Promise((resolve) => {
      this.release = resolve;
    });
  }
  replicaIds(): number[] {
    return [];
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

const codeOfCheck = (run: () => void): unknown => {
  try {
    run();
    return null;
  } catch (error) {
    return codeOf(error);
  }
};

function message(type: MessageType, term: number, change: Partial<Message> = {}): Message {
  return { ...makeMessage(type, 1, term), from: SELF, ...change };
}

describe('HardStateKeeper', () => {
  it('INVARIANT(vote-durable): lets no message of a term out before the term is durable', async () => {
    const store = new Store();
    const keeper = new HardStateKeeper(store, SELF, { term: 4, vote: 0, counter: 1 });
    const ack = message(MessageType.MsgAppResp, 5);
    const put = keeper.put(5, 0);
    expect(codeOfCheck(() => keeper.checkMessage(ack))).toBe('REPLICA_INVARIANT');
    store.release();
    await put;
    expect(codeOfCheck(() => keeper.checkMessage(ack))).toBeNull();
    expect(decodeHardState(SELF, store.values[0]!)).toEqual({ term: 5, vote: 0, counter: 2 });
  });

  it('INVARIANT(vote-durable): lets no vote out before that very vote is durable', async () => {
    const store = new Store();
    const keeper = new HardStateKeeper(store, SELF, { term: 4, vote: 2, counter: 1 });
    const grant = message(MessageType.MsgVoteResp, 4);
    const request = message(MessageType.MsgVote, 4);
    expect(codeOfCheck(() => keeper.checkMessage(grant))).toBe('REPLICA_INVARIANT');
    expect(codeOfCheck(() => keeper.checkMessage(request))).toBe('REPLICA_INVARIANT');
    expect(codeOfCheck(() => keeper.checkMessage({ ...grant, to: 2 }))).toBeNull();
    expect(codeOfCheck(() => keeper.checkMessage({ ...grant, reject: true }))).toBeNull();
    const put = keeper.put(5, SELF);
    store.release();
    await put;
    expect(codeOfCheck(() => keeper.checkMessage({ ...request, term: 5 }))).toBeNull();
    // A grant of the term before was durable when it was given.
    expect(codeOfCheck(() => keeper.checkMessage({ ...grant, to: 2 }))).toBeNull();
  });

  it('lets questions about a term that nobody is in pass', () => {
    const keeper = new HardStateKeeper(new Store(), SELF, { term: 4, vote: 2, counter: 1 });
    const question = message(MessageType.MsgPreVote, 5);
    const grant = message(MessageType.MsgPreVoteResp, 5);
    expect(codeOfCheck(() => keeper.checkMessage(question))).toBeNull();
    expect(codeOfCheck(() => keeper.checkMessage(grant))).toBeNull();
    const refusal = { ...grant, reject: true };
    expect(codeOfCheck(() => keeper.checkMessage(refusal))).toBe('REPLICA_INVARIANT');
  });

  it('INVARIANT(term-before-entries): hands no entry of a term over before the term is durable', () => {
    const keeper = new HardStateKeeper(new Store(), SELF, { term: 4, vote: 0, counter: 1 });
    const entries = [4, 5].map((term, i) => ({
      term,
      index: i + 1,
      type: 0 as const,
      data: new Uint8Array(0),
      checksum: 0,
    }));
    expect(codeOfCheck(() => keeper.checkEntries(entries.slice(0, 1)))).toBeNull();
    expect(codeOfCheck(() => keeper.checkEntries([]))).toBeNull();
    expect(codeOfCheck(() => keeper.checkEntries(entries))).toBe('REPLICA_INVARIANT');
  });
});
