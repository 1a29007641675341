import type { HardState } from '@dougdb/raft-core';
import { COMPACTED, type LogReader } from '@dougdb/wal';
import type { ReplicaOptions } from '../contract.js';
import { logTimeOfEntry } from '../format/entry-format.js';
import {
  decodeHardState,
  encodeHardState,
  type StoredHardState,
} from '../format/hard-state-format.js';
import { decodeReplicaState, encodeReplicaState } from '../format/replica-state-format.js';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { writeInitialRows } from '../state/initial-rows.js';
import {
  GENESIS_INDEX,
  GENESIS_TERM,
  genesisState,
  type ReplicaState,
} from '../state/replica-state.js';

/** Counter of the hard state that genesis makes: nobody was voted for yet. */
const FIRST_COUNTER = 1;

/** What a replica starts from. */
export interface Restored {
  readonly state: ReplicaState;
  readonly stored: StoredHardState;
  readonly hardState: HardState;
  /** Whether there was a hard state before this start: then promises of that life may still hold (S9). */
  readonly hadHardState: boolean;
  /** Newest log time in the log, applied or not. */
  readonly lastLogTime: number;
}

/**
 * Brings state record, hard state and log together (S1, S2), and makes them where genesis has not yet
 * come to its end. The order of genesis is state record, hard state, log, each durable before the
 * next, so a crash in between is told from a loss: nothing may be missing that stands before
 * something that is there.
 * @throws ReplicaError REPLICA_STATE_CORRUPT, REPLICA_HARD_STATE, REPLICA_LOG_LOST
 */
export async function restore(options: ReplicaOptions): Promise<Restored> {
  const { replicaId, wal, hardState } = options;
  const log = wal.log(replicaId);
  const hasLog = wal.logIds().includes(replicaId);
  const value = hardState.get(replicaId);
  const state = await restoreState(options, hasLog || value !== null);
  const stored = await restoreHardState(options, value, hasLog, state);
  if (!hasLog && stored.counter > FIRST_COUNTER) {
    throw new ReplicaError(
      ReplicaErrorCode.LogLost,
      `replica ${replicaId} has voted and has no log: the log is lost`,
    );
  }
  await alignLog(options, log, state);
  checkTerms(log, stored, state);
  const hint = log.commitHint();
  if (hint > log.lastIndex()) {
    throw new ReplicaError(
      ReplicaErrorCode.LogLost,
      `log of replica ${replicaId} ends at ${log.lastIndex()}, but ${hint} was known to be committed: promised entries are lost`,
    );
  }
  const commit = Math.max(hint, state.appliedIndex);
  return {
    state,
    stored,
    hardState: { term: stored.term, vote: stored.vote, commit },
    hadHardState: value !== null,
    lastLogTime: Math.max(state.logTime, newestLogTime(log, state.appliedIndex)),
  };
}

/** Log time never falls along a log, so the newest entry that carries one has the greatest. */
function newestLogTime(log: LogReader, appliedIndex: number): number {
  for (let index = log.lastIndex(); index > appliedIndex; index--) {
    const found = log.entries(index, index + 1, 1);
    // Damage is met again, and told, when the entry is applied.
    const entry = typeof found === 'object' ? found[0] : undefined;
    const logTime = entry === undefined ? 0 : logTimeOfEntry(entry.data);
    if (logTime > 0) return logTime;
  }
  return 0;
}

async function restoreState(options: ReplicaOptions, hasPast: boolean): Promise<ReplicaState> {
  const { db, descriptor, genesisLogTime, replicaId, initialRows = [] } = options;
  const record = db.hostState;
  if (record === null) {
    if (hasPast) {
      corrupt(`the database of replica ${replicaId} is empty, its log or hard state is not`);
    }
    const state = genesisState(descriptor, genesisLogTime);
    // A start that ended before this was durable left nothing of it: the same is made again.
    writeInitialRows(state, db, initialRows);
    db.freeze(encodeReplicaState(state));
    await db.flushed();
    return state;
  }
  const state = decodeReplicaState(record);
  const { partitionId } = state.descriptor;
  if (partitionId !== descriptor.partitionId) {
    corrupt(`state of partition ${partitionId} in the place of ${descriptor.partitionId}`);
  }
  // INVARIANT(frontier-atomic): tables and state record are of the same moment.
  if (db.lastSequence > state.revision) {
    corrupt(`tables hold revision ${db.lastSequence}, the state record says ${state.revision}`);
  }
  return state;
}

async function restoreHardState(
  options: ReplicaOptions,
  value: Uint8Array | null,
  hasLog: boolean,
  state: ReplicaState,
): Promise<StoredHardState> {
  const { hardState, replicaId } = options;
  if (value !== null) return decodeHardState(replicaId, value);
  if (hasLog || state.appliedIndex > GENESIS_INDEX) {
    throw new ReplicaError(
      ReplicaErrorCode.HardState,
      `replica ${replicaId} has a log and no hard state: its votes are lost, this node must be replaced`,
    );
  }
  const first = { term: GENESIS_TERM, vote: 0, counter: FIRST_COUNTER };
  await hardState.put(replicaId, encodeHardState(replicaId, first));
  return first;
}

/**
 * The log has to hold, or to begin just above, what the tables hold. What is applied was durable in
 * the log before, so a log that ends below the frontier, or has another term there, has lost entries
 * that this replica acknowledged; starting over at the frontier would hide that (docs/adr/0001).
 */
async function alignLog(
  options: ReplicaOptions,
  log: LogReader,
  state: ReplicaState,
): Promise<void> {
  const { wal, replicaId } = options;
  const { appliedIndex, appliedTerm } = state;
  const term = log.term(appliedIndex);
  if (term === appliedTerm) return;
  const isGenesis = appliedIndex === GENESIS_INDEX && log.lastIndex() === 0;
  if (!isGenesis) {
    throw new ReplicaError(
      ReplicaErrorCode.LogLost,
      term === COMPACTED
        ? `log of replica ${replicaId} begins at ${log.firstIndex()}, its tables hold only up to ${appliedIndex}`
        : `log of replica ${replicaId} ends at ${log.lastIndex()} and does not hold ${appliedIndex} of term ${appliedTerm}, which its tables do: entries are lost`,
    );
  }
  wal.compactPrefix(replicaId, appliedIndex, appliedTerm);
  // From here on a log that is not there at all has been lost.
  await new Promise<void>((resolve, reject) => {
    wal.sync((error) => (error === null ? resolve() : reject(error)));
  });
}

/** INVARIANT(term-before-entries): a log ahead of the hard state means that a newer hard state was lost. */
function checkTerms(log: LogReader, stored: StoredHardState, state: ReplicaState): void {
  const lastTerm = Math.max(state.appliedTerm, log.term(log.lastIndex()));
  if (lastTerm <= stored.term) return;
  throw new ReplicaError(
    ReplicaErrorCode.HardState,
    `the log ends in term ${lastTerm}, the hard state is of term ${stored.term}: this node must be replaced`,
  );
}

function corrupt(what: string): never {
  throw new ReplicaError(ReplicaErrorCode.StateCorrupt, what);
}
