import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { type Answer, brief } from './sink.js';
import { descriptorOf, TestNode, type TestNodeOptions } from './test-node.js';

/** A partition with one replica, and what a client of it does. */
export class Alone {
  readonly scheduler = new SimScheduler();
  readonly node: TestNode;

  constructor(options: Partial<TestNodeOptions> = {}) {
    this.node = new TestNode({
      scheduler: this.scheduler,
      random: new SimRandom(1),
      nodeId: 1,
      descriptor: descriptorOf(1),
      ...options,
    });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  static started(options: Partial<TestNodeOptions> = {}): Promise<Alone> {
    return new Alone(options).start();
  }

  async start(): Promise<this> {
    await this.run(this.node.start());
    await this.scheduler.advance(50);
    return this;
  }

  async restart(): Promise<void> {
    await this.run(this.node.stop());
    await this.start();
  }

  async write(command: Uint8Array): Promise<string> {
    return brief(await this.run(this.node.write(command)));
  }

  async read(key: string): Promise<string> {
    return brief(await this.run(this.node.read(key)));
  }

  async all(answers: Promise<Answer>[]): Promise<string[]> {
    return (await this.run(Promise.all(answers))).map(brief);
  }

  /** A log time for new sessions. */
  get now(): number {
    return this.node.replica.header().logTime;
  }
}
