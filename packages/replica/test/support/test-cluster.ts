import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { Message, MessageType } from '@dougdb/raft-core';
import {
  decodeMessageBatch,
  encodeMessageBatch,
  type InitialRow,
  type ReplicaSettings,
} from '@dougdb/replica';
import { codes } from '@dougdb/rpc-proto';
import type { Answer } from './sink.js';
import { descriptorOf, PARTITION, TestNode, type TestNodeOptions } from './test-node.js';

export interface TestClusterOptions {
  readonly seed?: number;
  readonly size?: number;
  readonly settings?: Partial<ReplicaSettings>;
  readonly memtableBytes?: number;
  readonly initialRows?: readonly InitialRow[];
  readonly chooseSuccessor?: (nodeIds: readonly number[]) => number;
  /** What is different on one node. */
  readonly node?: (nodeId: number) => Partial<TestNodeOptions>;
}

/** Replicas of one partition in one process: real logs and tables on simulated disks, bytes on the wire. */
export class TestCluster {
  readonly scheduler = new SimScheduler();
  readonly random: SimRandom;
  readonly nodes: TestNode[];
  /** Links that carry nothing, as 'from>to'. */
  readonly cut = new Set<string>();
  /** Sees each message before it is sent; false drops it. */
  filter: (from: number, to: number, message: Message) => boolean = () => true;
  /** How much longer a link takes than a network does that is well. */
  lagMs: (from: number, to: number) => number = () => 0;
  readonly sent = new Map<MessageType, number>();

  constructor(options: TestClusterOptions = {}) {
    this.random = new SimRandom(options.seed ?? 1);
    const size = options.size ?? 3;
    const { settings, memtableBytes, initialRows = [], chooseSuccessor } = options;
    this.nodes = Array.from({ length: size }, (_, i) => {
      const nodeId = i + 1;
      return new TestNode({
        scheduler: this.scheduler,
        random: this.random.fork(`node-${nodeId}`),
        nodeId,
        descriptor: descriptorOf(size),
        send: (to, message) => this.#send(nodeId, to, message),
        ...(settings === undefined ? {} : { settings }),
        initialRows,
        ...(memtableBytes === undefined ? {} : { memtableBytes }),
        ...(chooseSuccessor === undefined ? {} : { chooseSuccessor }),
        ...options.node?.(nodeId),
      });
    });
  }

  /** All nodes run and agree on a leader. */
  static async started(options: TestClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    for (const node of cluster.nodes) await cluster.run(node.start());
    await cluster.untilLed();
    return cluster;
  }

  node(nodeId: number): TestNode {
    return this.nodes[nodeId - 1] as TestNode;
  }

  get running(): TestNode[] {
    return this.nodes.filter((node) => node.running);
  }

  /** The leader of the highest term, if any. */
  get leader(): TestNode | null {
    const leaders = this.running.filter((node) => node.replica.status().role === 'leader');
    leaders.sort((a, b) => b.replica.status().term - a.replica.status().term);
    return leaders[0] ?? null;
  }

  get followers(): TestNode[] {
    return this.running.filter((node) => node !== this.leader);
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  /** Lets time pass until the condition holds. */
  async until(what: string, condition: () => boolean, timeoutMs = 10_000): Promise<void> {
    const endMs = this.scheduler.nowMs + timeoutMs;
    while (!condition()) {
      if (this.scheduler.nowMs > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
      await this.scheduler.advance(5);
    }
  }

  /** Everybody who is reachable from the leader knows it, and it has committed in its term. */
  async untilLed(among: readonly TestNode[] = this.running): Promise<TestNode> {
    let leader: TestNode | null = null;
    await this.until('a leader that all know', () => {
      leader = this.leader;
      const replicaId = leader?.replicaId;
      return (
        leader !== null &&
        among.includes(leader) &&
        among.every((node) => node.replica.status().leaderReplicaId === replicaId) &&
        leader.replica.status().appliedIndex === leader.replica.status().lastIndex
      );
    });
    return leader as unknown as TestNode;
  }

  /** Everybody who runs has applied the same. */
  async untilEqual(): Promise<void> {
    await this.until('equal replicas', () => {
      const statuses = this.running.map((node) => node.replica.status());
      return statuses.every(
        (s) => s.appliedIndex === statuses[0]?.appliedIndex && s.appliedIndex === s.lastIndex,
      );
    });
  }

  isolate(nodeId: number): void {
    for (const { nodeId: other } of this.nodes) {
      this.cut.add(`${nodeId}>${other}`);
      this.cut.add(`${other}>${nodeId}`);
    }
  }

  heal(): void {
    this.cut.clear();
  }

  /** Power loss of a node, if it runs, and its restart some time later. */
  crashFor(node: TestNode, downMs: number, keepUnsyncedPercent: number): void {
    if (!node.running) return;
    node.crash(keepUnsyncedPercent);
    this.scheduler.schedule(downMs, () => {
      node.start().catch((error: unknown) => node.fatal.push(error));
    });
  }

  /** As a client with an op id does: sends until the answer is certain. */
  async writeUntilKnown(command: Uint8Array, timeoutMs = 20_000): Promise<Answer> {
    const endMs = this.scheduler.nowMs + timeoutMs;
    for (;;) {
      const target = this.leader ?? this.running[0];
      if (target !== undefined) {
        const answer = await this.#answerOf(target, target.send(command, { timeoutMs: 1000 }));
        if (answer !== null) {
          if (answer.kind !== 'failed') return answer;
          const retry = codes[answer.error.reason].retry;
          if (retry === 'no' || retry === 'new-id') return answer;
        }
      }
      if (this.scheduler.nowMs > endMs) throw new Error('no certain answer');
      await this.scheduler.advance(20);
    }
  }

  /** The answer, or null if none comes within 3 s (its node died). */
  async #answerOf(node: TestNode, id: number): Promise<Answer | null> {
    const endMs = this.scheduler.nowMs + 3000;
    while (!node.sink.answers.has(id) && this.scheduler.nowMs < endMs) {
      await this.scheduler.advance(2);
    }
    return node.sink.answers.get(id) ?? null;
  }

  #send(from: number, to: number, message: Message): void {
    if (!this.filter(from, to, message)) return;
    this.sent.set(message.type, (this.sent.get(message.type) ?? 0) + 1);
    const bytes = encodeMessageBatch([{ partitionId: PARTITION, message }]);
    const delayMs = 0.2 + this.random.next() * 0.6 + this.lagMs(from, to);
    this.scheduler.schedule(delayMs, () => {
      if (this.cut.has(`${from}>${to}`)) return;
      const target = this.nodes[to - 1];
      if (!target?.running) return;
      for (const { message: arrived } of decodeMessageBatch(bytes)) target.replica.step(arrived);
    });
  }
}
