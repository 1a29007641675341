import {
  type AppendTicket,
  defaultConfig,
  type LogIndex,
  type Message,
  type RawNode,
  type Ready,
  StateType,
  type Status,
  type StepStatus,
} from '@dougdb/raft-core';
import { checkOrder } from '../oracle/promises.js';
import { Rules } from '../oracle/rules.js';
import type { World } from '../world.js';
import type { RaftProcess } from './raft-process.js';

/** Looks at one replica after each event, by its own rules and with the oracle of the group. */
export class Watch {
  readonly #process: RaftProcess;
  readonly #world: World;
  /** Null: only what comes of it is looked at. */
  #rules: Rules | null = null;
  /** Up to here the oracle has been told of what this replica knows as committed. */
  #seenCommit: LogIndex = 0;

  constructor(process: RaftProcess, world: World) {
    this.#process = process;
    this.#world = world;
  }

  /** A life begins. */
  begin({ commit, confState }: Status, { isNew }: { readonly isNew: boolean }): void {
    const { id, disk } = this.#process;
    const { plan, rules } = this.#world;
    this.#seenCommit = disk.frontier;
    const silence = isNew ? { restartSilence: false } : {};
    const config = { ...defaultConfig, ...plan.config, ...silence };
    this.#rules = rules === 'ignored' ? null : new Rules({ id, config, commit, conf: confState });
  }

  ticked(): void {
    this.#rules?.ticked(this.#process.ticketAge);
  }

  received(m: Message, status: StepStatus, node: RawNode): void {
    this.#rules?.received(m, status, node);
  }

  sends(m: Message): void {
    this.#rules?.sends(m);
  }

  readyBuilt({ append }: Ready): void {
    this.#rules?.damage.readyBuilt(append?.ticket ?? 0);
  }

  /** Everything of a ticket is durable. */
  completed(ticket: AppendTicket): void {
    this.#rules?.damage.completed(ticket);
  }

  changeProposed(before: Status): void {
    this.#rules?.changeProposed(before, this.#process.model);
  }

  leaseUsed(): void {
    this.#rules?.leaseUsed();
  }

  /** Term and commit index only go forward, a leader is alone, and what is committed is safe. */
  observe(node: RawNode): void {
    const process = this.#process;
    const { oracle, coverage } = this.#world;
    const status = node.status();
    checkOrder(process, status);
    const known = { settled: process.settled, decided: oracle.committed.last };
    this.#rules?.observed(status, process.model, known);
    process.term = status.term;
    process.conf = status.confState;
    process.commit = status.commit;
    if (status.role !== process.role) {
      process.role = status.role;
      const { model: log } = process;
      if (process.isLeader && oracle.leads(process.id, status.term, log)) {
        coverage.hit('elected');
        if (process.isCalled) coverage.hit('transfer-won');
        this.#world.elected(process);
      }
      if (status.role !== StateType.StateCandidate) process.isCalled = false;
    }
    // Who leads has handed out all of its log; what others have not yet handed out is not in the model.
    if (status.role === StateType.StateLeader) this.checkCommit(status.commit);
    if (process.disk.isTailLost && !status.isRecovering) process.disk.whole();
  }

  /** The oracle hears of what this replica knows as committed, as far as it was handed out. */
  checkCommit(commit: LogIndex): void {
    const { id, term, model: log, conf } = this.#process;
    if (commit <= this.#seenCommit || commit > log.last) return;
    const { oracle, coverage, holders } = this.#world;
    const known = { from: this.#seenCommit, commit, term };
    this.#seenCommit = commit;
    coverage.counts.committed += oracle.commits(id, known, { log, conf, holders });
  }
}
