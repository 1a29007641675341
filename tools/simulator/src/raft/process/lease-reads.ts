import type { LogIndex, RawNode } from '@dougdb/raft-core';
import type { World } from '../world.js';
import type { RaftProcess } from './raft-process.js';

/** Reads under a lease: the index at their arrival, wait until it is applied, look at the lease again. */
export class LeaseReads {
  readonly #reader: RaftProcess;
  readonly #world: World;
  #waiting: LogIndex[] = [];

  constructor(reader: RaftProcess, world: World) {
    this.#reader = reader;
    this.#world = world;
  }

  begin(node: RawNode): void {
    const { id, isLeader, nowMs, watch } = this.#reader;
    const { oracle, coverage } = this.#world;
    const index = node.leaseReadIndex(nowMs);
    if (index === null) {
      if (isLeader) coverage.hit('lease-refused');
      return;
    }
    watch.leaseUsed();
    oracle.outcomes.leaseRead(id, index);
    this.#waiting.push(index);
    this.answer(node);
  }

  answer(node: RawNode): void {
    if (this.#waiting.length === 0) return;
    const { machine, nowMs } = this.#reader;
    const { coverage } = this.#world;
    this.#waiting = this.#waiting.filter((index) => {
      if (index > machine.applied) return true;
      coverage.hit(node.leaseValid(nowMs) ? 'lease-read' : 'lease-refused');
      return false;
    });
  }

  /** The process died. */
  forget(): void {
    this.#waiting = [];
  }
}
