import { MessageType, makeMessage } from '#src/message.js';
import { describeProgress } from '../describe-tracker.js';
import { describeEntries, describeMessage, describeReady, roleName } from './describe.js';
import { type EtcdMessage, isLocal, isThread, LocalType } from './etcd-message.js';
import { EtcdNode, type EtcdOptions } from './etcd-node.js';
import { Output } from './output.js';

/** Replicas, one queue of messages between them, and what is printed (etcd's rafttest). */
export class Environment {
  readonly output = new Output();
  readonly nodes: EtcdNode[] = [];
  #messages: EtcdMessage[] = [];

  node(id: number): EtcdNode {
    const found = this.nodes[id - 1];
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }

  addNodes(count: number, options: EtcdOptions): void {
    if (options.start !== null && options.start.index <= 1) {
      throw new Error('index must be specified as > 1 due to bootstrap');
    }
    for (let i = 0; i < count; i++) this.nodes.push(new EtcdNode(this.nodes.length + 1, options));
  }

  processReady(id: number): void {
    const node = this.node(id);
    const rd = node.ready();
    this.output.write(describeReady(rd));
    if (!node.isAsync) node.apply(rd.committed);
    for (const m of rd.messages) {
      if (!isThread(m.to)) this.#messages.push(m);
      else if (m.type === LocalType.MsgStorageAppend) node.appendWork.push(m);
      else node.applyWork.push(m);
    }
    if (!node.isAsync) node.advance(rd);
  }

  processAppendThread(id: number): void {
    const node = this.node(id);
    const m = node.appendWork.shift();
    if (m === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.#describeWork(m);
    node.persist(m);
    this.#respond(m);
  }

  processApplyThread(id: number): void {
    const node = this.node(id);
    const m = node.applyWork.shift();
    if (m === undefined) {
      this.output.write('no apply work to perform');
      return;
    }
    this.#describeWork(m);
    node.apply(m.entries);
    this.#respond(m);
  }

  /** @returns how many messages there were */
  deliver(
    to: number,
    filter: { readonly type: number | null; readonly isDropped: boolean },
  ): number {
    const chosen = this.#messages.filter((m) => this.#isFor(m, to, filter));
    this.#messages = this.#messages.filter((m) => !chosen.includes(m));
    for (const m of chosen) {
      this.output.write(`${filter.isDropped ? 'dropped: ' : ''}${describeMessage(m)}\n`);
      if (filter.isDropped) continue;
      const error = this.node(m.to).step(m);
      if (error !== null) this.output.write(`${error}\n`);
    }
    return chosen.length;
  }

  /** Lets everything happen among these nodes until nothing does. */
  stabilize(ids: readonly number[]): void {
    const rounds = 500;
    for (let i = 0; i < rounds; i++) if (!this.#stabilizeOnce(ids)) return;
    throw new Error(`does not become stable in ${rounds} rounds`);
  }

  compact(id: number, index: number): void {
    this.node(id).storage.compact(index);
    this.raftLog(id);
  }

  raftLog(id: number): void {
    const { storage } = this.node(id);
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    this.output.write(
      last < first
        ? `log is empty: first index=${first}, last index=${last}`
        : describeEntries(storage.all),
    );
  }

  raftState(): void {
    for (const { raft, id } of this.nodes) {
      const voter = raft.tracker.isVoter(id) ? '(Voter)' : '(Non-Voter)';
      const state = roleName(raft.role);
      this.output.write(`${id}: ${state} ${voter} Term:${raft.term} Lead:${raft.leader}\n`);
    }
  }

  status(id: number): void {
    const { raft } = this.node(id);
    if (raft.isLeader) this.output.write(describeProgress(raft.tracker));
  }

  sendSnapshot(from: number, to: number): void {
    const { raft, storage } = this.node(from);
    const m: EtcdMessage = makeMessage(MessageType.MsgSnap, to, raft.term);
    m.from = from;
    m.snapshot = storage.snapshot();
    this.#messages.push(m);
    this.output.write(describeMessage(m));
  }

  #isFor(
    m: EtcdMessage,
    to: number,
    { type, isDropped }: { readonly type: number | null; readonly isDropped: boolean },
  ): boolean {
    return m.to === to && !(isDropped && isLocal(m)) && (type === null || m.type === type);
  }

  #stabilizeOnce(ids: readonly number[]): boolean {
    let isDone = true;
    const work = (title: string, run: () => void): void => {
      this.output.write(`> ${title}\n`);
      this.output.indented(run);
      isDone = false;
    };
    for (const id of ids) {
      if (this.node(id).hasReady()) work(`${id} handling Ready`, () => this.processReady(id));
    }
    for (const id of ids) {
      if (!this.#messages.some((m) => m.to === id)) continue;
      work(`${id} receiving messages`, () => this.deliver(id, { type: null, isDropped: false }));
    }
    for (const id of ids) {
      const { appendWork } = this.node(id);
      if (appendWork.length === 0) continue;
      work(`${id} processing append thread`, () => {
        while (this.node(id).appendWork.length > 0) this.processAppendThread(id);
      });
    }
    for (const id of ids) {
      if (this.node(id).applyWork.length === 0) continue;
      work(`${id} processing apply thread`, () => {
        while (this.node(id).applyWork.length > 0) this.processApplyThread(id);
      });
    }
    return !isDone;
  }

  #describeWork(m: EtcdMessage): void {
    this.output.write(`Processing:\n${describeMessage({ ...m, responses: [] })}\n`);
  }

  #respond(m: EtcdMessage): void {
    const responses = m.responses ?? [];
    this.output.write('Responses:\n');
    for (const response of responses) this.output.write(`${describeMessage(response)}\n`);
    this.#messages.push(...responses);
  }
}
