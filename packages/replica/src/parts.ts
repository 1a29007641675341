import { defaultConfig, entrySizeBytes, type LeaseConfig, RawNode } from '@dougdb/raft-core';
import type { PartitionDescriptor, RouteHint } from '@dougdb/rpc-proto';
import type { AnswerSink, AppliedState, ReplicaOptions, ReplicaSettings } from './contract.js';
import { describeError } from './error-code.js';
import { FloorKeeper } from './history/floor-keeper.js';
import { AppendQueue } from './raft/append-queue.js';
import { Frontier } from './raft/frontier.js';
import { HardStateKeeper } from './raft/hard-state-keeper.js';
import { Inbox } from './raft/inbox.js';
import { LeaderContact } from './raft/leader-contact.js';
import { Leadership } from './raft/leadership.js';
import { type ReadyHandlers, ReadyLoop } from './raft/ready-loop.js';
import type { Restored } from './raft/restore.js';
import { WalStorage } from './raft/wal-storage.js';
import { ReadFront } from './read/read-front.js';
import { linearizableTerms } from './read/read-terms.js';
import { Reads } from './read/reads.js';
import { TableReader } from './read/table-reader.js';
import { Refusals } from './refusals.js';
import { ServiceGate } from './service-gate.js';
import { ApplyLoop } from './state/apply-loop.js';
import { LogClock } from './state/log-clock.js';
import { wallMsOf } from './state/log-time.js';
import { epochVersionOf, type ReplicaState } from './state/replica-state.js';
import { StateMachine } from './state/state-machine.js';
import { replicaTelemetry } from './telemetry.js';
import type { Transport } from './transport.js';
import { Expirer } from './ttl/expirer.js';
import { ExpiryQueue } from './ttl/expiry-queue.js';
import { RefillTurn } from './ttl/refill-turn.js';
import { WatchHub } from './watch/watch-hub.js';
import { WINDOW_BYTES, WINDOWS_BYTES, WindowBudget } from './watch/window-budget.js';
import { WriteBrake } from './write/write-brake.js';
import { WriteFront } from './write/write-front.js';
import { WriteQueue } from './write/write-queue.js';

/** What the parts ask of the engine that drives them. */
export interface PartsHost {
  /** Another turn, please. */
  wake(): void;
  /** Runs something that may find a broken invariant; the engine decides what that means. */
  guard(run: () => void): void;
  /** The process must end. */
  fatal(error: unknown): void;
}

/** The parts of one replica, put together. Each gets what it needs and knows nothing of the rest. */
export class Parts {
  readonly state: ReplicaState;
  readonly refusals: Refusals;
  readonly gate: ServiceGate;
  readonly core: RawNode;
  readonly logClock: LogClock;
  readonly leadership: Leadership;
  readonly contact: LeaderContact;
  readonly inbox: Inbox;
  readonly appends: AppendQueue;
  readonly machine: StateMachine;
  readonly frontier: Frontier;
  readonly apply: ApplyLoop;
  readonly writes: WriteQueue;
  readonly brake: WriteBrake;
  readonly writeFront: WriteFront;
  readonly expirer: Expirer;
  readonly floor: FloorKeeper;
  readonly tables: TableReader;
  readonly reads: Reads;
  readonly readFront: ReadFront;
  readonly readyLoop: ReadyLoop;
  readonly watches: WatchHub;

  /** @throws RaftInvariantError if log, hard state and state record contradict each other */
  constructor(options: ReplicaOptions, restored: Restored, host: PartsHost) {
    const { clock, logger, settings, wal, db, replicaId, observer } = options;
    const { state } = restored;
    const telemetry = replicaTelemetry(options.metrics);
    const refusals = new Refusals(() => this.routeHint());
    const gate = new ServiceGate(logger, refusals);
    this.state = state;
    this.refusals = refusals;
    this.gate = gate;
    this.core = newCore(options, restored, this.corrupt);
    const keeper = new HardStateKeeper(options.hardState, replicaId, restored.stored);
    const wake = (): void => host.wake();
    const guard = (run: () => void): void => host.guard(run);
    const onFatal = (error: unknown): void => host.fatal(error);
    const { core } = this;
    // What most parts need; each takes from it what its options name.
    const common = {
      ...{ clock, logger, settings, wal, db, replicaId, state },
      ...{ telemetry, refusals, gate, core, keeper, wake, guard, onFatal },
    };
    this.logClock = new LogClock(clock, logger, restored.lastLogTime);
    const electionTicks = settings.electionTicks;
    const descriptor = (): PartitionDescriptor => state.descriptor;
    const { chooseSuccessor } = options;
    this.leadership = new Leadership({ ...common, electionTicks, descriptor, chooseSuccessor });
    const wallAgeMs = Math.max(0, clock.wallMs() - wallMsOf(state.logTime));
    this.contact = new LeaderContact(clock.monotonicMs() - wallAgeMs);
    const { logClock, leadership, contact } = this;
    this.inbox = new Inbox({ ...common, logClock, contact, leadership });
    this.appends = new AppendQueue({
      ...common,
      onDurable: (ticket) =>
        guard(() => {
          core.appended(ticket);
          wake();
        }),
    });
    const pause = (): Promise<void> => new Promise((resolve) => clock.defer(resolve));
    const expiries = new ExpiryQueue();
    this.machine = new StateMachine(state, db, { looked: wake, pause }, expiries);
    const { machine, appends } = this;
    this.frontier = new Frontier({ ...common, machine, onFlushFailed: this.corrupt });
    const epochVersion = (): number => epochVersionOf(state.descriptor);
    this.writes = new WriteQueue({ ...common, logClock, epochVersion });
    this.brake = new WriteBrake({ ...common });
    const { writes, frontier } = this;
    this.writeFront = new WriteFront({ ...common, leadership, appends, queue: writes });
    const propose = (command: Uint8Array, sink: AnswerSink): void => {
      if (this.writeFront.takeInternal(command, Number.POSITIVE_INFINITY, sink)) wake();
    };
    const refillTurn = options.refillTurn ?? new RefillTurn();
    this.expirer = new Expirer({ ...common, queue: expiries, logClock, refillTurn, propose });
    const { historyMs } = settings;
    this.floor = new FloorKeeper({ ...common, historyMs, logClock, propose });
    const { floor } = this;
    this.apply = new ApplyLoop({
      ...common,
      machine,
      sliceMs: settings.applySliceMs,
      takePending: (index, term) => writes.takeApplied(index, term),
      onBegin: ({ index, term, data }) => {
        observer?.begins({ partitionId: state.descriptor.partitionId, index, term, data });
      },
      onEntry: (entry) => {
        observer?.applied(appliedState(state));
        floor.entryApplied();
        frontier.entryApplied(entrySizeBytes(entry));
      },
    });
    this.tables = new TableReader({ ...common, onCorrupt: this.corrupt });
    const { tables } = this;
    this.reads = new Reads({
      ...common,
      tables,
      refuse: (key) => this.readFront.refuse(key),
      server: {
        read: (key, deadlineMs, sink, id) => this.readFront.serve(key, deadlineMs, sink, id),
        wait: (waiter) => waiter.ready(linearizableTerms.mark()),
      },
    });
    this.readFront = new ReadFront({ ...common, leadership, reads: this.reads, tables });
    this.watches = new WatchHub({
      ...{ ...common, tables, reads: this.reads.rounds },
      ...{ settings: settings.watch, sliceMs: settings.applySliceMs },
      budget: options.watchBudget ?? new WindowBudget(WINDOWS_BYTES, WINDOW_BYTES),
    });
    machine.tell(this.watches.changes);
    gate.onEnd(() => this.watches.endAll(gate.refuseRead() ?? refusals.starting()));
    this.readyLoop = new ReadyLoop({ ...common, handlers: this.#handlers(options.transport) });
  }

  /** Stored data failed a check: nothing is served from here any more, the node lives on. */
  readonly corrupt = (error: unknown): void => {
    this.gate.moveTo('corrupt', describeError(error));
  };

  /** The node to ask, as known here; 0: unknown. */
  get leaderNodeId(): number {
    const { leadership, gate } = this;
    // Whoever may not serve does not name itself, or clients would come back at once, for ever.
    const knowsNothing = gate.isSuspended || (leadership.isLeader && !gate.isServing);
    return knowsNothing ? 0 : leadership.leaderNodeId;
  }

  /** Where to go instead, as known here. */
  routeHint(): RouteHint {
    const { leaderNodeId, state, logClock } = this;
    return { partition: state.descriptor, leaderNodeId, nodes: [], logTime: logClock.read() };
  }

  #handlers(transport: Transport): ReadyHandlers {
    const { leadership, appends, apply, reads, writes } = this;
    const { partitionId } = this.state.descriptor;
    return {
      changed: (soft) => leadership.changed(soft),
      send: (message) => {
        const nodeId = leadership.nodeOf(message.to);
        if (nodeId !== 0) transport.send(nodeId, partitionId, message);
      },
      append: (append) => appends.add(append),
      apply: (entries) => apply.add(entries),
      confirmed: (read) => reads.confirmed(read.ticket, read.index),
      dropped: (drop) => {
        if (drop.kind === 'read') reads.dropped(drop.ticket, drop.reason);
        else writes.leadershipLost(drop.term, drop.first, drop.last, apply.handedOut);
      },
    };
  }
}

function appliedState({ descriptor, sessions, ...state }: ReplicaState): AppliedState {
  const { appliedIndex: index, revision, hash } = state;
  return { partitionId: descriptor.partitionId, index, revision, hash, sessions: sessions.size };
}

function newCore(
  options: ReplicaOptions,
  restored: Restored,
  onDamage: (error: unknown) => void,
): RawNode {
  const { wal, replicaId, settings, logger, random, justMade } = options;
  const { state, hardState, hadHardState } = restored;
  return new RawNode({
    ...defaultConfig,
    id: replicaId,
    storage: new WalStorage(wal.log(replicaId), hardState, state.confState, onDamage),
    random: () => random.next(),
    applied: state.appliedIndex,
    // INVARIANT(restart-silence): only a replica that has no earlier life may speak at once (S9).
    restartSilence: !justMade || hadHardState,
    electionTick: settings.electionTicks,
    heartbeatTick: settings.heartbeatTicks,
    lease: leaseOf(settings),
    logger: {
      info: (event, fields) =>
        event === 'raft.leader.elected' ? logger.info(event, fields) : logger.debug(event, fields),
    },
  });
}

/**
 * Ticks that a host may count in no time: one that comes late, with the next on its heels, after a stall
 * another one before them. Voters count their promises in ticks, so a lease must be shorter by them (S10).
 */
const BUNCHED_TICKS = 2;

function leaseOf({ leaseTickMs, electionTicks }: ReplicaSettings): LeaseConfig | null {
  if (leaseTickMs === 0) return null;
  const electionTimeoutMs = leaseTickMs * (electionTicks - BUNCHED_TICKS);
  return { tickMs: leaseTickMs, electionTimeoutMs };
}
