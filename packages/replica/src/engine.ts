import type { Message } from '@dougdb/raft-core';
import { WalErrorCode } from '@dougdb/wal';
import type { ReplicaOptions } from './contract.js';
import { codeOf, describeError } from './error-code.js';
import { Parts } from './parts.js';
import type { Restored } from './raft/restore.js';
import { ReplicaErrorCode } from './replica-error.js';

/** The frontier is looked at once a second. */
const TICKS_PER_LOOK = 100;

/**
 * Drives the parts of a replica: gathers the work of one turn of the loop, ticks, and decides what an
 * error means. A broken invariant stops this replica and nothing else.
 */
export class Engine {
  readonly parts: Parts;
  readonly #options: ReplicaOptions;
  /** Everything up to here is applied before anybody is served (S2). */
  readonly #startCommit: number;
  #ticks = 0;
  #isScheduled = false;
  #isSlow = false;
  /** Monotonic milliseconds; null: the database takes writes. */
  #stalledSinceMs: number | null = null;
  /** Called when a turn or a tick has ended. */
  #onProgress: (() => void) | null = null;

  /** @throws RaftInvariantError if what was restored contradicts itself */
  constructor(options: ReplicaOptions, restored: Restored) {
    this.#options = options;
    this.#startCommit = restored.hardState.commit;
    this.parts = new Parts(options, restored, {
      wake: () => this.wake(),
      guard: (run) => this.guard(run),
      fatal: (error) => this.fatal(error),
    });
    this.wake();
  }

  get isStopped(): boolean {
    return this.parts.gate.state === 'stopped';
  }

  /** At most one watcher, of drain. */
  watch(onProgress: (() => void) | null): void {
    this.#onProgress = onProgress;
  }

  /** Neither ticks nor takes messages nor serves until resume(); as if the process stood still. */
  suspend(): void {
    const { gate, writes, apply, reads, refusals, watches } = this.parts;
    if (gate.isSuspended || this.isStopped) return;
    gate.isSuspended = true;
    const notTaken = refusals.suspended();
    const inDoubt = refusals.inDoubt('this replica was stopped for a test');
    writes.failAll(notTaken, inDoubt);
    apply.failAwaited(inDoubt);
    reads.failAll(notTaken);
    watches.endAll(notTaken);
  }

  resume(): void {
    this.parts.gate.isSuspended = false;
    this.wake();
  }

  /** Makes sure that a turn comes after the I/O of this one. */
  wake(): void {
    if (this.#isScheduled || this.isStopped || this.parts.gate.isSuspended) return;
    this.#isScheduled = true;
    this.#options.clock.defer(() => {
      this.#isScheduled = false;
      if (!this.parts.gate.isSuspended) this.guard(this.#turn);
      this.#onProgress?.();
    });
  }

  tick(): void {
    if (this.parts.gate.isSuspended) return;
    this.guard(this.#tick);
    this.#onProgress?.();
  }

  step(message: Message): void {
    if (this.parts.gate.isSuspended) return;
    this.guard(() => {
      this.parts.inbox.step(message);
      if (this.parts.readyLoop.wantsTurn) this.wake();
    });
  }

  /** Runs what may throw; an error stops the replica, or the process where the log has failed. */
  guard(run: () => void): void {
    if (this.isStopped) return;
    try {
      run();
    } catch (error) {
      const code = codeOf(error);
      if (code === WalErrorCode.Failed || code === WalErrorCode.Closed) this.fatal(error);
      else this.#fail(error);
    }
  }

  fatal(error: unknown): void {
    if (this.isStopped) return;
    this.#fail(error);
    this.#options.onFatal(error);
  }

  /** The database found damage by itself: as if a read or an entry had met it. */
  tablesDamaged(error: unknown): void {
    this.guard(() => this.#endApplying(error));
  }

  /** The WAL is larger than it should be, and the log up to this index keeps its oldest segment. */
  logPinned(throughIndex: number): void {
    const { gate, frontier } = this.parts;
    // What is out of service is never durable any more: it keeps its log.
    if (gate.isSuspended || gate.state === 'corrupt') return;
    this.guard(() => this.#orEndApplying(() => frontier.release(throughIndex)));
  }

  /** Ends the service; whoever waits is answered. Resolves when nothing is under way at the disks. */
  async stop(): Promise<void> {
    const { gate, refusals, writes, reads, apply, machine } = this.parts;
    const { appends, frontier, readyLoop, expirer, brake } = this.parts;
    brake.close();
    gate.moveTo('stopped');
    expirer.rest();
    appends.close();
    frontier.close();
    const inDoubt = refusals.inDoubt('the replica stopped before the write was applied');
    apply.halt()?.answers.failRest(inDoubt);
    const notTaken = refusals.notLeader('the replica stopped');
    writes.failAll(notTaken, inDoubt);
    reads.failAll(notTaken);
    await Promise.all([readyLoop.close(), machine.lookEnded()]);
  }

  readonly #tick = (): void => {
    const { core, appends, writes, reads, readyLoop, apply, watches } = this.parts;
    const nowMs = this.#options.clock.monotonicMs();
    core.tick(nowMs);
    if (appends.isOutOfSpace) appends.retry();
    writes.expire(nowMs);
    apply.expire(nowMs);
    reads.expire(nowMs);
    watches.tick(nowMs);
    this.#giveLeadershipAway(nowMs);
    this.#keepUp();
    const isAsked = this.#options.db.wantsFreeze && this.parts.gate.state !== 'corrupt';
    if (++this.#ticks % TICKS_PER_LOOK === 0 || isAsked) this.#lookAtFrontier();
    if (readyLoop.wantsTurn || apply.hasWork || reads.wantsRound) this.wake();
  };

  readonly #turn = (): void => {
    const { writes, brake, reads, readyLoop, watches } = this.parts;
    if (!writes.hasGathered || brake.takeTurn()) writes.flush();
    reads.start();
    readyLoop.run();
    const hasMoreToApply = this.#apply();
    // Before reads: a watch begins at a read point, with everything up to it behind it.
    const hasMoreToTell = watches.turn();
    const hasMoreToRead = this.#serveReads();
    const hasMore = hasMoreToApply || hasMoreToTell || hasMoreToRead;
    if (hasMore || readyLoop.wantsTurn || reads.wantsRound) this.wake();
  };

  /** True if some is left for the next turn. */
  #apply(): boolean {
    const { core, contact, state, gate, leadership } = this.parts;
    // A follower whose tables are far behind would fill the memory with what it applies. What waits
    // stays in the log; ticks look again. A leader refuses writes instead.
    if (this.#options.db.stalled && !leadership.isLeader) return false;
    const before = state.appliedIndex;
    const hasMore = this.#applySlice();
    if (state.appliedIndex > before) {
      core.applied(state.appliedIndex);
      contact.applied(state.appliedIndex);
    }
    if (gate.state === 'starting' && state.appliedIndex >= this.#startCommit) this.#begin();
    return hasMore;
  }

  #applySlice(): boolean {
    try {
      return this.parts.apply.slice();
    } catch (error) {
      this.#endApplying(error);
      return false;
    }
  }

  #lookAtFrontier(): void {
    this.#orEndApplying(() => this.parts.frontier.look());
  }

  /** What a leader does by itself: lets keys and history go whose time is over. */
  #keepUp(): void {
    const { gate, leadership, expirer, floor } = this.parts;
    if (!leadership.isLeader || !gate.isServing) {
      expirer.rest();
      return;
    }
    floor.tick();
    this.#orEndApplying(() => expirer.tick());
  }

  #orEndApplying(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#endApplying(error);
    }
  }

  /**
   * Where the database or an entry fails a check, nothing may be skipped and nothing can be applied:
   * this replica goes out of service with its state as it is. It goes on voting and appending.
   * @throws any other error
   */
  #endApplying(error: unknown): void {
    if (!isDamage(error)) throw error;
    const { apply, writes, reads, refusals, corrupt } = this.parts;
    corrupt(error);
    const inDoubt = refusals.inDoubt(
      'this replica went out of service before it applied the write',
    );
    apply.halt()?.answers.failRest(inDoubt);
    writes.failAll(refusals.notLeader('this replica is out of service'), inDoubt);
    reads.failAll(refusals.corrupt());
  }

  #begin(): void {
    const { gate, core, state } = this.parts;
    gate.moveTo('serving');
    // There is nobody to wait for: an only voter is ready as soon as its log is replayed.
    const { voters } = state.confState;
    if (voters.length === 1 && voters[0] === this.#options.replicaId) core.campaign();
  }

  #serveReads(): boolean {
    const { clock, settings } = this.#options;
    const endMs = clock.monotonicMs() + settings.applySliceMs;
    return this.parts.reads.serve(() => clock.monotonicMs() >= endMs);
  }

  /** A leader that cannot do its work hands over, again and again until somebody takes it. */
  #giveLeadershipAway(nowMs: number): void {
    const { gate, appends, apply, leadership } = this.parts;
    const sinceMs = appends.oldestSinceMs;
    const isSlow = sinceMs !== null && this.#isTooLong(nowMs - sinceMs);
    const lookingSinceMs = apply.lookingSinceMs ?? nowMs;
    if (isSlow && !this.#isSlow) {
      this.#options.logger.warn('raft.log.slow', { openMs: Math.round(nowMs - sinceMs) });
    }
    this.#isSlow = isSlow;
    const isStalled = this.#isStalledLong(nowMs);
    if (gate.state === 'corrupt' || gate.state === 'draining') leadership.handOver(gate.state);
    else if (isSlow) leadership.handOver('slow log');
    else if (isStalled) leadership.handOver('tables are behind');
    else if (this.#isTooLong(nowMs - lookingSinceMs)) leadership.handOver('slow tables');
    else leadership.keep();
  }

  /** Refusing writes for a moment is flow control; for long, it is a disk that is full or broken (S13). */
  #isStalledLong(nowMs: number): boolean {
    if (!this.#options.db.stalled) this.#stalledSinceMs = null;
    else this.#stalledSinceMs ??= nowMs;
    const sinceMs = this.#stalledSinceMs;
    return sinceMs !== null && this.#isTooLong(nowMs - sinceMs);
  }

  #isTooLong(durationMs: number): boolean {
    return durationMs > this.#options.settings.maxAppendMs;
  }

  #fail(error: unknown): void {
    this.#options.logger.error('replica.stopped', describeError(error));
    this.stop().catch((cause: unknown) => {
      this.#options.logger.error('replica.stopped', describeError(cause));
    });
  }
}

/** An error of the database, or an entry that lost its bytes. */
function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code === ReplicaErrorCode.EntryDamaged || String(code).startsWith('SST_');
}
