import type { ConfChange, RawNode } from '@dougdb/raft-core';
import { bytesOf } from '../oracle/outcomes.js';
import type { World } from '../world.js';
import { LeaseReads } from './lease-reads.js';
import type { RaftProcess } from './raft-process.js';

/** What clients and operators ask of a replica, noted down so that each of it is seen to end. */
export class Requests {
  readonly #process: RaftProcess;
  readonly #world: World;
  readonly #leaseReads: LeaseReads;

  constructor(process: RaftProcess, world: World) {
    this.#process = process;
    this.#world = world;
    this.#leaseReads = new LeaseReads(process, world);
  }

  /** A life begins; who waited for the one before waits in vain. */
  begin(): void {
    this.#leaseReads.forget();
  }

  propose(count: number, sizeBytes: number): void {
    const { outcomes } = this.#world.oracle;
    const values = Array.from({ length: count }, () => outcomes.nextValue());
    const data = values.map((value) => ({ data: bytesOf(value, sizeBytes), checksum: value }));
    const { life } = this.#process;
    this.#process.ask((node) => {
      const made = node.propose(data);
      if (!('dropped' in made)) {
        for (const [i, value] of values.entries()) {
          outcomes.proposed(life, value, made.first + i, made.term);
        }
      } else if (made.dropped === 'uncommitted-limit') {
        this.#world.coverage.hit('proposal-over-limit');
      }
    });
  }

  /** False if the change was refused. */
  proposeChange(change: ConfChange): boolean {
    const process = this.#process;
    const isMade = process.ask((node) => {
      const before = node.status();
      const made = node.proposeConfChange(change);
      if ('dropped' in made) return false;
      this.#world.oracle.outcomes.changeProposed(process.life, made.first, made.term);
      process.watch.changeProposed(before);
      return true;
    });
    return isMade ?? false;
  }

  read(): void {
    const { oracle, coverage } = this.#world;
    const { life, isLeader, model, term } = this.#process;
    this.#process.ask((node) => {
      const ticket = node.readIndex();
      if (typeof ticket !== 'number') return;
      oracle.outcomes.readAsked(life, ticket, term);
      if (isLeader && model.termAt(node.commitIndex) < term) coverage.hit('read-before-own-commit');
    });
  }

  /** A read under the lease. */
  leaseRead(): void {
    this.#process.ask((node) => this.#leaseReads.begin(node));
  }

  answerLeaseReads(node: RawNode): void {
    this.#leaseReads.answer(node);
  }
}
