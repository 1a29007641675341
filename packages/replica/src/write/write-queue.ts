import { DropReason, type RawNode } from '@dougdb/raft-core';
import type { DougError } from '@dougdb/rpc-proto';
import type { AnswerSink } from '../contract.js';
import { EntryWriter } from '../format/entry-writer.js';
import type { Refusals } from '../refusals.js';
import type { LogClock } from '../state/log-clock.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import { PendingEntry } from './pending-entry.js';
import { PendingRing } from './pending-ring.js';

export interface WriteQueueOptions {
  readonly core: RawNode;
  readonly logClock: LogClock;
  /** Version of the epoch under which keys are checked now. */
  readonly epochVersion: () => number;
  readonly refusals: Refusals;
  readonly telemetry: ReplicaTelemetry;
}

/**
 * The way of a command from its bytes to its answer: gathered into the entry of this turn, proposed,
 * kept by log index until the index is applied here or this replica leads no more.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #writer = new EntryWriter();
  readonly #ring = new PendingRing();
  #open = new PendingEntry();
  /** Why an entry of this turn was refused: then all that come after it in the turn are, too. */
  #turnRefusal: DougError | null = null;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Bytes of the commands that have no answer yet. */
  get pendingBytes(): number {
    return this.#ring.commandBytes + this.#open.commandBytes;
  }

  /** Entries that have no answer yet. */
  get pendingEntries(): number {
    return this.#ring.size + (this.#writer.count > 0 ? 1 : 0);
  }

  /** Whether flush() would propose something. */
  get hasGathered(): boolean {
    return this.#writer.count > 0;
  }

  /** Takes a checked command bytes[start, end), copied, for the entry of this turn. */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    if (!this.#writer.hasRoom(end - start)) this.#propose();
    if (this.#turnRefusal !== null) {
      sink.failed(id, this.#turnRefusal);
      return;
    }
    this.#writer.add(bytes, start, end);
    this.#open.commandBytes += end - start;
    this.#open.answers.add(sink, id, deadlineMs);
  }

  /** Ends the turn: proposes what was gathered. */
  flush(): void {
    this.#propose();
    this.#turnRefusal = null;
  }

  /**
   * What Raft refuses was never appended: NOT_APPLIED. A small entry might be taken where a large one
   * before it was refused; two writes of one client on one key would change places.
   */
  #propose(): void {
    if (this.#writer.count === 0) return;
    const { core, logClock, epochVersion, telemetry } = this.#options;
    const commands = this.#writer.count;
    const entry = this.#open;
    this.#open = new PendingEntry();
    const proposed = core.propose([this.#writer.take(logClock.stamp(), epochVersion())]);
    if ('dropped' in proposed) {
      telemetry.proposalsFailed.add(commands, { reason: proposed.dropped });
      this.#turnRefusal = this.#refusal(proposed.dropped);
      entry.answers.failRest(this.#turnRefusal);
      return;
    }
    telemetry.entryCommands.observe(commands);
    entry.term = proposed.term;
    entry.index = proposed.first;
    this.#ring.put(entry);
  }

  /**
   * The entry at this index is being applied: those who wait for its commands, or null. Whoever waits
   * for another entry at this index is answered: it was superseded and will never take effect.
   */
  takeApplied(index: number, term: number): PendingEntry | null {
    const entry = this.#ring.take(index);
    if (entry === null || entry.term === term) return entry;
    this.#fail(entry, this.#options.refusals.notLeader('another leader replaced the entry'));
    return null;
  }

  /**
   * This replica leads no more. Who waits for an entry above `committed` is told at once that its
   * fate is not known; what is committed is applied and answered in its turn.
   */
  leadershipLost(term: number, first: number, last: number, committed: number): void {
    const error = this.#options.refusals.inDoubt(
      'the leader changed before the write was committed',
    );
    for (let index = Math.max(first, committed + 1); index <= last; index++) {
      if (this.#ring.get(index)?.term !== term) continue;
      const entry = this.#ring.take(index);
      if (entry !== null) this.#fail(entry, error, true);
    }
  }

  /** Tells those whose deadline has passed. */
  expire(nowMs: number): void {
    const { refusals, telemetry } = this.#options;
    this.#ring.forEach((entry) => {
      const told = entry.answers.expire(nowMs, () => refusals.expired());
      if (told > 0) telemetry.outcomesUnknown.add(told);
    });
  }

  /** Ends everything: what was not proposed never takes effect, the rest is not known. */
  failAll(notProposed: DougError, proposed: DougError): void {
    const open = this.#open;
    this.#open = new PendingEntry();
    this.#writer.clear();
    open.answers.failRest(notProposed);
    for (const entry of this.#ring.takeAll()) this.#fail(entry, proposed, true);
  }

  #fail(entry: PendingEntry, error: DougError, isUnknown = false): void {
    const { telemetry } = this.#options;
    if (isUnknown) telemetry.outcomesUnknown.add(entry.answers.open);
    entry.answers.failRest(error);
  }

  #refusal(reason: DropReason): DougError {
    const { refusals } = this.#options;
    switch (reason) {
      case DropReason.UncommittedLimit:
      case DropReason.ConfChangePending:
        return refusals.busy('too much is proposed and not committed');
      case DropReason.Transferring:
      case DropReason.SteppingDown:
        return refusals.noLeader('the leadership is being handed over');
      case DropReason.NoLeader:
      case DropReason.NotLeader:
      case DropReason.LeaderChanged:
      case DropReason.ReadTimeout:
      case DropReason.NotVoter:
      case DropReason.JointConf:
      case DropReason.NotJointConf:
      case DropReason.InvalidConfChange:
      case DropReason.RetiredId:
      case DropReason.ReadLimit:
      case DropReason.Snapshot:
        // It led when the command was taken: who leads now is not known yet.
        return refusals.noLeader('this replica leads no more');
    }
  }
}
