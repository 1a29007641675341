import type { Clock } from '@dougdb/ports';
import { type Entry, EntryType } from '@dougdb/raft-core';
import type { DougError } from '@dougdb/rpc-proto';
import { EntryCursor, entryIsWhole } from '../format/entry-format.js';
import type { Refusals } from '../refusals.js';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import type { PendingEntry } from '../write/pending-entry.js';
import { ApplyOutcome } from './apply-outcome.js';
import type { StateMachine } from './state-machine.js';

export interface ApplyLoopOptions {
  readonly machine: StateMachine;
  readonly clock: Clock;
  readonly sliceMs: number;
  readonly refusals: Refusals;
  readonly telemetry: ReplicaTelemetry;
  /** Those who wait for an entry that is about to be applied; null if nobody does. */
  readonly takePending: (index: number, term: number) => PendingEntry | null;
  /** An entry is about to be applied. */
  readonly onBegin: (entry: Entry) => void;
  /** An entry was applied whole. */
  readonly onEntry: (entry: Entry) => void;
}

/** The clock is asked after so many commands. */
const COMMANDS_PER_GLANCE = 16;

/**
 * Applies committed entries in slices of a few milliseconds, so that heartbeats keep running. A slice
 * may end inside an entry, and does where a command has to look at a table that is not in memory:
 * applying goes on when the disk has answered, everything else of the replica meanwhile. Whoever needs
 * whole entries (applied index, freeze, hash) sees no other.
 */
export class ApplyLoop {
  readonly #options: ApplyLoopOptions;
  readonly #cursor = new EntryCursor();
  #queue: readonly Entry[] = [];
  #at = 0;
  /** The entry under the cursor, with those who wait for it. */
  #entry: Entry | null = null;
  #pending: PendingEntry | null = null;
  #handedOut = 0;
  /** Monotonic milliseconds; null: no command waits for its look. */
  #lookingSinceMs: number | null = null;
  #isHalted = false;

  constructor(options: ApplyLoopOptions) {
    this.#options = options;
    this.#handedOut = options.machine.state.appliedIndex;
  }

  /** Highest index known to be committed here: applied, or waiting to be. */
  get handedOut(): number {
    return this.#handedOut;
  }

  get isIdle(): boolean {
    return this.#entry === null && this.#at === this.#queue.length;
  }

  /** Whether a slice would apply something now. */
  get hasWork(): boolean {
    return !this.isIdle && !this.#options.machine.isLooking;
  }

  /** Whether somebody waits for a command of the entry that is being applied. */
  get isAwaited(): boolean {
    return this.#pending !== null && this.#pending.answers.open > 0;
  }

  /** Monotonic milliseconds since a command waits for its look; null: none does. */
  get lookingSinceMs(): number | null {
    return this.#lookingSinceMs;
  }

  /** Tells those who wait for the entry that is being applied and whose deadline has passed. */
  expire(nowMs: number): void {
    const { refusals, telemetry } = this.#options;
    const told = this.#pending?.answers.expire(nowMs, () => refusals.expired()) ?? 0;
    if (told > 0) telemetry.outcomesUnknown.add(told);
  }

  /** Answers those who wait for the entry that is being applied; that goes on. */
  failAwaited(error: DougError): void {
    this.#pending?.answers.failRest(error);
  }

  /** Nothing is applied any more. Answers those who wait for the entry that was being applied. */
  halt(): PendingEntry | null {
    const pending = this.#pending;
    this.#isHalted = true;
    this.#lookingSinceMs = null;
    this.#pending = null;
    this.#entry = null;
    this.#queue = [];
    this.#at = 0;
    return pending;
  }

  /** Committed entries, in order. */
  add(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined || this.#isHalted) return;
    this.#handedOut = last.index;
    this.#queue = this.isIdle ? entries : [...this.#queue.slice(this.#at), ...entries];
    this.#at = 0;
  }

  /**
   * Applies for one slice. True if some is left that does not wait for a disk.
   * @throws ReplicaError or SstError: the replica must stop applying, nothing may be skipped
   */
  slice(): boolean {
    if (!this.hasWork) return false;
    const { clock, sliceMs, telemetry } = this.#options;
    const startMs = clock.monotonicMs();
    const endMs = startMs + sliceMs;
    let isOver = false;
    while (!isOver && this.hasWork) {
      if (this.#entry === null) this.#begin(this.#queue[this.#at++] as Entry);
      if (this.#applyCommands(endMs)) this.#end();
      isOver = clock.monotonicMs() >= endMs;
    }
    telemetry.applySeconds.observe((clock.monotonicMs() - startMs) / 1000);
    return this.hasWork;
  }

  #begin(entry: Entry): void {
    if (entry.type !== EntryType.EntryNormal) {
      throw new ReplicaError(ReplicaErrorCode.EntryFormat, `entry of type ${entry.type}`);
    }
    // INVARIANT(entry-whole): the bytes applied are those that the leader made the checksum of.
    if (!entryIsWhole(entry.data, entry.checksum)) {
      throw new ReplicaError(
        ReplicaErrorCode.EntryDamaged,
        `entry ${entry.index} of term ${entry.term} does not have its checksum`,
      );
    }
    this.#entry = entry;
    this.#options.onBegin(entry);
    this.#pending = this.#options.takePending(entry.index, entry.term);
    // The empty entry that begins a term.
    if (entry.data.length === 0) return;
    this.#cursor.open(entry.data);
    this.#options.machine.beginEntry(this.#cursor.logTime, this.#cursor.epochVersion);
  }

  /** True when the entry is done. */
  #applyCommands(endMs: number): boolean {
    const { machine, clock } = this.#options;
    const cursor = this.#cursor;
    if (this.#lookingSinceMs !== null) {
      this.#lookingSinceMs = null;
      this.#answer(machine.resume(cursor.data));
    }
    let left = COMMANDS_PER_GLANCE;
    while (cursor.next()) {
      const outcome = machine.apply(cursor.data, cursor.start, cursor.end);
      if (outcome === null) {
        this.#lookingSinceMs = clock.monotonicMs();
        this.#options.telemetry.looksWaited.add(1);
        return false;
      }
      this.#answer(outcome);
      if (--left > 0) continue;
      if (clock.monotonicMs() >= endMs) return false;
      left = COMMANDS_PER_GLANCE;
    }
    return true;
  }

  #answer(outcome: ApplyOutcome): void {
    const { machine, refusals, telemetry } = this.#options;
    const { looked } = machine;
    if (outcome === ApplyOutcome.Duplicate) telemetry.dedupHits.add(1);
    else if (looked?.compareFailed) telemetry.comparesFailed.add(1);
    const answers = this.#pending?.answers;
    if (answers === undefined) return;
    telemetry.proposalsApplied.add(1);
    answers.next();
    const { sink, id } = answers;
    if (sink === null) return;
    if (outcome !== ApplyOutcome.Applied && outcome !== ApplyOutcome.Duplicate) {
      sink.failed(id, refusals.atApply(outcome));
    } else if (looked === null) {
      sink.written(id, machine.revision);
    } else {
      sink.looked(id, looked);
    }
  }

  #end(): void {
    const { machine, telemetry, onEntry } = this.#options;
    const entry = this.#entry as Entry;
    this.#entry = null;
    this.#pending = null;
    this.#cursor.close();
    const expired = machine.endEntry(entry.index, entry.term);
    if (expired > 0) telemetry.sessionsExpired.add(expired);
    telemetry.entriesApplied.add(1);
    onEntry(entry);
  }
}
