import type { Message } from '@dougdb/raft-core';
import type { PartitionDescriptor, ReadLevel, RouteHint } from '@dougdb/rpc-proto';
import type {
  AnswerSink,
  ReplicaHeader,
  ReplicaOptions,
  ReplicaStatus,
  ScanOptions,
  ScanView,
} from './contract.js';
import { drain } from './drain.js';
import { Engine } from './engine.js';
import { compaction } from './history/floor-keeper.js';
import { refuseCompaction } from './history/refuse-revision.js';
import { restore } from './raft/restore.js';
import type { WatchHandle, WatchLoad, WatchOptions, WatchSink } from './watch/contract.js';
import { nowhere } from './write/nowhere.js';

/** One replica of one partition: Raft, log, state machine, sessions and reads tied together. */
export class Replica {
  readonly replicaId: number;
  readonly partitionId: number;
  readonly #options: ReplicaOptions;
  readonly #engine: Engine;
  #drained: Promise<void> | null = null;

  private constructor(options: ReplicaOptions, engine: Engine) {
    this.#options = options;
    this.#engine = engine;
    this.replicaId = options.replicaId;
    this.partitionId = options.descriptor.partitionId;
  }

  /**
   * Restores state from the database, the log from the WAL and the hard state; nothing is served until
   * everything up to the durable commit hint is applied (S2): until then status().state is 'starting'.
   * @throws ReplicaError REPLICA_HARD_STATE (unreadable, missing beside a log, or older than the log), REPLICA_LOG_LOST,
   * REPLICA_STATE_CORRUPT
   */
  static async open(options: ReplicaOptions): Promise<Replica> {
    return new Replica(options, new Engine(options, await restore(options)));
  }

  get descriptor(): PartitionDescriptor {
    return this.#engine.parts.state.descriptor;
  }

  /** The node to ask, as known here; 0: unknown, or this one, which cannot serve. */
  get leaderNodeId(): number {
    return this.#engine.parts.leaderNodeId;
  }

  /** Revision applied here: changes whenever the data do. */
  get revision(): number {
    return this.#engine.parts.state.revision;
  }

  get isLeader(): boolean {
    return this.#engine.parts.leadership.isLeader;
  }

  /** True if the leader before wanted this one to lead (a transfer); false if it won by itself. */
  get leadsByTransfer(): boolean {
    return this.#engine.parts.leadership.isByTransfer;
  }

  /** A transfer is under way: writes are refused until it ends. */
  get isHandingOver(): boolean {
    return this.#engine.parts.leadership.isHandingOver;
  }

  /** On a leader: nodes of the other voters that were heard lately and hold everything committed. */
  caughtUpNodes(): number[] {
    return this.#engine.parts.leadership.caughtUpNodes();
  }

  /** One Raft tick (10 ms). */
  tick(): void {
    this.#engine.tick();
  }

  /** A message from another replica of the group, already decoded. Never throws. */
  step(message: Message): void {
    this.#engine.step(message);
  }

  reportUnreachable(nodeId: number): void {
    const { core, leadership } = this.#engine.parts;
    this.#engine.guard(() => core.reportUnreachable(leadership.replicaOn(nodeId)));
  }

  /**
   * Takes one encoded Command, bytes[start, end), for the entry of this turn. Checks it whole first;
   * the bytes are copied before the call returns. The answer goes to sink under `id`: at once with a
   * refusal (NOT_APPLIED), later with the result. epochVersion 0: not checked. At deadlineMs (monotonic)
   * a write without an answer gets IN_DOUBT.
   */
  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    epochVersion: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    const { writeFront } = this.#engine.parts;
    if (writeFront.take(bytes, start, end, epochVersion, deadlineMs, sink, id)) this.#engine.wake();
  }

  /**
   * Reads one key, copied before the call returns, at a level: `readLevel` of `@dougdb/rpc-proto` makes it
   * of the fields of a request. What was served stands in the mark of the answer.
   *
   * - linearizable: any replica; all of a turn share one ReadIndex round.
   * - lease: the leader alone (elsewhere NOT_LEADER) and where leases are on (else INVALID_ARGUMENT);
   *   where the lease has ended, a round takes its place.
   * - bounded: any replica; NO_LEADER where no state was confirmed and applied within the bound.
   * - eventual: at once, whatever is here.
   * - at a revision: any replica, always with the same answer; one that is not applied here is waited for,
   *   FUTURE_REVISION at the deadline; COMPACTED below the history floor.
   */
  get(
    key: Uint8Array,
    level: ReadLevel,
    epochVersion: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    this.#engine.parts.readFront.get(key, level, epochVersion, deadlineMs, sink, id);
  }

  /**
   * Waits until the level allows it, then opens an iterator over one state of the partition, cut to its
   * range.
   * @throws DougError as get
   */
  scan(options: ScanOptions, epochVersion: number): Promise<ScanView> {
    return this.#engine.parts.readFront.scan(options, epochVersion);
  }

  /**
   * Opens a watch of a range of this partition, see {@link WatchOptions}: it tells every change of it from what
   * is applied here, by revision and then by key, each once. What it tells goes to the sink; it ends by
   * cancel(), or with an error. The range's bytes must not change.
   * @param epochVersion - 0: not checked
   * @param deadlineMs - monotonic milliseconds at which it gives up to wait for where it begins
   */
  watch(
    options: WatchOptions,
    epochVersion: number,
    deadlineMs: number,
    sink: WatchSink,
  ): WatchHandle {
    return this.#engine.parts.watches.open(options, epochVersion, deadlineMs, sink);
  }

  /** What the watches of this replica cost at the moment. */
  get watchLoad(): WatchLoad {
    return this.#engine.parts.watches.load;
  }

  header(): ReplicaHeader {
    const { state, core, leadership, contact, logClock } = this.#engine.parts;
    return {
      partitionId: this.partitionId,
      revision: state.revision,
      term: core.status().term,
      appliedIndex: state.appliedIndex,
      logTime: logClock.read(),
      ageMs: leadership.isLeader ? 0 : contact.ageMs(this.#options.clock.monotonicMs()),
    };
  }

  /** A table of the database failed a check (S13): nothing is served from here any more, the node lives on. */
  tablesDamaged(error: unknown): void {
    this.#engine.tablesDamaged(error);
  }

  /**
   * The WAL is larger than it should be, and this replica's log up to `throughIndex` keeps its oldest segment
   * (`WalOptions.onPinned`): it goes as soon as its effects are durable, though it would be retained otherwise.
   */
  logPinned(throughIndex: number): void {
    this.#engine.logPinned(throughIndex);
  }

  /** Where to go instead: descriptor, leader and log time as known here. Node addresses are the member's to add. */
  routeHint(): RouteHint {
    return this.#engine.parts.routeHint();
  }

  status(): ReplicaStatus {
    const { core, gate, leadership, state, machine } = this.#engine.parts;
    const status = core.status();
    return {
      partitionId: this.partitionId,
      replicaId: this.replicaId,
      state: gate.isSuspended ? 'stopped' : gate.state,
      role: leadership.role,
      leaderReplicaId: leadership.leaderReplicaId,
      leaderNodeId: leadership.leaderNodeId,
      term: status.term,
      commitIndex: status.commit,
      appliedIndex: state.appliedIndex,
      firstIndex: status.firstIndex,
      lastIndex: status.lastIndex,
      revision: state.revision,
      historyFloor: state.historyFloor,
      sessions: state.sessions.size,
      hash: machine.isInsideEntry ? null : state.hash,
      confState: state.confState,
    };
  }

  /**
   * Rolling hash of everything applied up to `index` (S12); null while an entry is applied in part.
   * Replicas with the same index have the same hash.
   */
  stateHash(): { readonly index: number; readonly hash: number } | null {
    const { state, machine } = this.#engine.parts;
    return machine.isInsideEntry ? null : { index: state.appliedIndex, hash: state.hash };
  }

  /**
   * Lets history below a revision be forgotten (0: below the newest) and resolves with the floor when this is applied:
   * it is the oldest revision that can still be read, and never moves back. Only a leader can.
   * @param deadlineMs - monotonic
   * @throws DougError NOT_LEADER and whatever else a write is refused with; FUTURE_REVISION
   */
  compact(revision: number, deadlineMs: number): Promise<number> {
    const { state, refusals, writeFront } = this.#engine.parts;
    const target = revision === 0 ? state.revision : revision;
    return new Promise((resolve, reject) => {
      const done = (): void => resolve(state.historyFloor);
      const failed = (_id: number, error: unknown): void => reject(error);
      const sink: AnswerSink = { ...nowhere, written: done, looked: done, failed };
      // Another one may know of more.
      const refused = this.isLeader ? refuseCompaction(target, state, refusals) : null;
      if (refused !== null) reject(refused);
      else if (writeFront.takeInternal(compaction(target), deadlineMs, sink)) this.#engine.wake();
    });
  }

  /** Begins a transfer to the best follower, or to the given replica. False if there is nobody. */
  transferLeadership(toReplicaId?: number): boolean {
    const { leadership } = this.#engine.parts;
    let begun = false;
    this.#engine.guard(() => {
      begun = leadership.transfer(toReplicaId);
      this.#engine.wake();
    });
    return begun;
  }

  /** Asks for the leadership now, instead of after an election timeout; where it may not, nothing happens. */
  campaign(): void {
    const { core } = this.#engine.parts;
    this.#engine.guard(() => {
      core.campaign();
      this.#engine.wake();
    });
  }

  /** For tests: the replica neither ticks nor takes messages nor serves (NO_LEADER) until {@link resume}. */
  suspend(): void {
    this.#engine.suspend();
  }

  resume(): void {
    this.#engine.resume();
  }

  /** Refuses new work with DRAINING, hands leadership over, resolves when nothing is pending or at the deadline. */
  drain(deadlineMs: number): Promise<void> {
    this.#drained ??= drain(this.#engine, this.#options.clock, deadlineMs);
    return this.#drained;
  }

  /** Stops; whoever waits is answered (IN_DOUBT for appended writes). Does not close db or wal. */
  async close(): Promise<void> {
    await this.#engine.stop();
  }
}
