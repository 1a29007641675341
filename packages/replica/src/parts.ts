import { type Drop, defaultConfig, RawNode } from '@dougdb/raft-core';
import type { RouteHint } from '@dougdb/rpc-proto';
import type { ReplicaOptions } from './contract.js';
import { describeError } from './error-code.js';
import { AppendQueue } from './raft/append-queue.js';
import { Frontier } from './raft/frontier.js';
import { HardStateKeeper } from './raft/hard-state-keeper.js';
import { Inbox } from './raft/inbox.js';
import { LeaderContact } from './raft/leader-contact.js';
import { Leadership } from './raft/leadership.js';
import { ReadyLoop } from './raft/ready-loop.js';
import type { Restored } from './raft/restore.js';
import { WalStorage } from './raft/wal-storage.js';
import { ReadFront } from './read/read-front.js';
import { ReadQueue } from './read/read-queue.js';
import { TableReader } from './read/table-reader.js';
import { Refusals } from './refusals.js';
import { ServiceGate } from './service-gate.js';
import { ApplyLoop } from './state/apply-loop.js';
import { LogClock } from './state/log-clock.js';
import { wallMsOf } from './state/log-time.js';
import { epochVersionOf } from './state/replica-state.js';
import { StateMachine } from './state/state-machine.js';
import { replicaTelemetry } from './telemetry.js';
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

/** The parts of one replica, put together. */
export type Parts = ReturnType<typeof buildParts>;

/**
 * Puts a replica together. Each part gets what it needs and knows nothing of the rest.
 * @throws RaftInvariantError if log, hard state and state record contradict each other
 */
export function buildParts(options: ReplicaOptions, restored: Restored, host: PartsHost) {
  const { clock, wal, db, replicaId, settings, logger, random } = options;
  const { state } = restored;
  const telemetry = replicaTelemetry(options.metrics);
  const machine = new StateMachine(state, db);
  const logClock = new LogClock(clock, logger, restored.lastLogTime);
  const refusals = new Refusals(() => routeHint());
  const gate = new ServiceGate(logger, refusals);
  /** Stored data failed a check: nothing is served from here any more, the node lives on. */
  const corrupt = (error: unknown): void => {
    gate.moveTo('corrupt', describeError(error));
  };
  const storage = new WalStorage(wal.log(replicaId), restored.hardState, state.confState, corrupt);
  const core = new RawNode({
    ...defaultConfig,
    id: replicaId,
    storage,
    random: () => random.next(),
    applied: state.appliedIndex,
    // INVARIANT(restart-silence): only a replica that has no earlier life may speak at once (S9).
    restartSilence: !options.justMade || restored.hadHardState,
    electionTick: settings.electionTicks,
    heartbeatTick: settings.heartbeatTicks,
    logger: {
      info: (event, fields) =>
        event === 'raft.leader.elected' ? logger.info(event, fields) : logger.debug(event, fields),
    },
  });
  const leadership = new Leadership({
    core,
    replicaId,
    electionTicks: settings.electionTicks,
    descriptor: () => state.descriptor,
    logger,
    telemetry,
  });
  const routeHint = (): RouteHint => {
    // Whoever may not serve does not name itself, or clients would come back at once, for ever.
    const isUseless = leadership.isLeader && gate.state !== 'serving';
    const leaderNodeId = isUseless ? 0 : leadership.leaderNodeId;
    return { partition: state.descriptor, leaderNodeId, nodes: [], logTime: logClock.read() };
  };
  const wallAgeMs = Math.max(0, clock.wallMs() - wallMsOf(state.logTime));
  const contact = new LeaderContact(clock.monotonicMs() - wallAgeMs);
  const inbox = new Inbox({ core, state, logClock, contact, clock, logger, telemetry });
  const keeper = new HardStateKeeper(options.hardState, replicaId, restored.stored);
  const appends = new AppendQueue({
    wal,
    replicaId,
    keeper,
    clock,
    logger,
    telemetry,
    onDurable: (ticket) =>
      host.guard(() => {
        core.appended(ticket);
        host.wake();
      }),
    onFatal: (error) => host.fatal(error),
  });
  const frontier = new Frontier({
    db,
    wal,
    replicaId,
    machine,
    settings,
    logger,
    telemetry,
    guard: (run) => host.guard(run),
    onFlushFailed: corrupt,
  });
  const writes = new WriteQueue({
    core,
    logClock,
    epochVersion: () => epochVersionOf(state.descriptor),
    refusals,
    telemetry,
  });
  const apply = new ApplyLoop({
    machine,
    clock,
    sliceMs: settings.applySliceMs,
    refusals,
    telemetry,
    takePending: (index, term) => writes.takeApplied(index, term),
    onEntry: (sizeBytes) => frontier.entryApplied(sizeBytes),
  });
  const tables = new TableReader({
    db,
    refusals,
    telemetry,
    onCorrupt: corrupt,
  });
  const reads = new ReadQueue({
    core,
    clock,
    refusals,
    telemetry,
    serveRead: (key, sink, id) => readFront.serve(key, sink, id),
  });
  const readFront = new ReadFront({
    gate,
    state,
    db,
    queue: reads,
    tables,
    clock,
    settings,
    refusals,
    wake: () => host.wake(),
  });
  const writeFront = new WriteFront({
    gate,
    leadership,
    appends,
    state,
    db,
    queue: writes,
    clock,
    settings,
    refusals,
  });
  const dropped = (drop: Drop): void => {
    if (drop.kind === 'read') reads.dropped(drop.ticket, drop.reason);
    else writes.leadershipLost(drop.term, drop.first, drop.last, apply.handedOut);
  };
  const readyLoop = new ReadyLoop({
    core,
    keeper,
    handlers: {
      changed: (soft) => leadership.changed(soft),
      send: (message) => {
        const nodeId = leadership.nodeOf(message.to);
        if (nodeId !== 0) options.transport.send(nodeId, state.descriptor.partitionId, message);
      },
      append: (append) => appends.add(append),
      apply: (entries) => apply.add(entries),
      confirmed: (read) => reads.confirmed(read.ticket, read.index),
      dropped,
    },
    wake: () => host.wake(),
    guard: (run) => host.guard(run),
    onFatal: (error) => host.fatal(error),
  });
  return {
    state,
    machine,
    core,
    gate,
    refusals,
    leadership,
    logClock,
    contact,
    inbox,
    appends,
    frontier,
    writes,
    writeFront,
    apply,
    tables,
    reads,
    readFront,
    readyLoop,
    corrupt,
    routeHint,
  };
}
