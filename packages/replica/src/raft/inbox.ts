import type { Clock, Logger } from '@dougdb/ports';
import { type Entry, type Message, MessageType, type RawNode, StepStatus } from '@dougdb/raft-core';
import { entryIsWhole, logTimeOfEntry } from '../format/entry-format.js';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import type { LogClock } from '../state/log-clock.js';
import type { ReplicaState } from '../state/replica-state.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import type { LeaderContact } from './leader-contact.js';
import type { Leadership } from './leadership.js';

export interface InboxOptions {
  readonly core: RawNode;
  readonly state: ReplicaState;
  readonly logClock: LogClock;
  readonly contact: LeaderContact;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: ReplicaTelemetry;
}

/** Takes messages of other replicas: what their bytes show to be damaged never reaches the core. */
export class Inbox {
  readonly #options: InboxOptions;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** @throws ReplicaError REPLICA_LOG_LOST if the leader proves that acknowledged entries are gone */
  step(m: Message): void {
    const { core } = this.#options;
    if (carriesEntries(m) && !this.#areWhole(m)) return;
    const status = core.step(m);
    if (status === StepStatus.LostLog) {
      this.#options.logger.error('raft.log.lost', { commit: m.commit, from: m.from });
      throw new ReplicaError(
        ReplicaErrorCode.LogLost,
        `the leader knows that this replica acknowledged ${m.commit}, which is not in its log`,
      );
    }
    if (status !== StepStatus.Ok) return;
    // Those that take the place of damaged ones, too: this replica could not read their time before.
    if (carriesEntries(m)) this.#observe(m);
    if (m.type === MessageType.MsgApp) {
      this.#heard(m.commit);
    } else if (m.type === MessageType.MsgHeartbeat) {
      // Its `commit` is never above what is here, so only `index` tells a replica that it lags.
      this.#heard(Math.max(m.commit, m.index));
    } else if (m.type === MessageType.MsgTimeoutNow) {
      this.#options.leadership.askedToCampaign();
    }
  }

  #heard(leaderCommit: number): void {
    const { contact, clock, state } = this.#options;
    contact.heard(leaderCommit, clock.monotonicMs(), state.appliedIndex);
  }

  /** INVARIANT(entry-whole): an entry is appended only if it has the checksum that its leader made. */
  #areWhole(m: Message): boolean {
    for (const { data, checksum, index } of m.entries) {
      if (entryIsWhole(data, checksum)) continue;
      this.#options.telemetry.messagesDamaged.add(1);
      this.#options.logger.warn('raft.message.damaged', { from: m.from, index });
      return false;
    }
    return true;
  }

  /** Log time runs on from what is in the log, should this replica lead one day. */
  #observe(m: Message): void {
    // Backwards: the last entry may be the empty one that opens a term, which carries no time.
    for (let i = m.entries.length - 1; i >= 0; i--) {
      const logTime = logTimeOfEntry((m.entries[i] as Entry).data);
      if (logTime === 0) continue;
      this.#options.logClock.observe(logTime);
      return;
    }
  }
}

function carriesEntries({ type }: Message): boolean {
  return type === MessageType.MsgApp || type === MessageType.MsgEntryResp;
}
