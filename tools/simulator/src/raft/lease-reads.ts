import type { LogIndex, RawNode } from '@dougdb/raft-core';
import type { World } from './world.js';

interface Reader {
  readonly id: number;
  readonly isLeader: boolean;
  readonly applied: LogIndex;
  readonly nowMs: number;
}

/** Reads under a lease: the index at their arrival, wait until it is applied, look at the lease again. */
export class LeaseReads {
  readonly #reader: Reader;
  readonly #world: World;
  #waiting: LogIndex[] = [];

  constructor(reader: Reader, world: World) {
    this.#reader = reader;
    this.#world = world;
  }

  begin(node: RawNode): void {
    const { id, isLeader, nowMs } = this.#reader;
    const { oracle, coverage } = this.#world;
    const index = node.leaseReadIndex(nowMs);
    if (index === null) {
      if (isLeader) coverage.hit('lease-refused');
      return;
    }
    oracle.outcomes.leaseRead(id, index);
    this.#waiting.push(index);
    this.answer(node);
  }

  answer(node: RawNode): void {
    if (this.#waiting.length === 0) return;
    const { applied, nowMs } = this.#reader;
    const { coverage } = this.#world;
    this.#waiting = this.#waiting.filter((index) => {
      if (index > applied) return true;
      coverage.hit(node.leaseValid(nowMs) ? 'lease-read' : 'lease-refused');
      return false;
    });
  }

  /** The process died. */
  forget(): void {
    this.#waiting = [];
  }
}
