import type { LogIndex, ReplicaId } from './ids.js';
import type { Storage } from './storage.js';

/** All times are in ticks: the core has no clock. Defaults: {@link defaultConfig}. */
export interface Config {
  readonly id: ReplicaId;
  readonly storage: Storage;
  /** The only source of randomness: uniform in [0, 1). */
  readonly random: () => number;
  /** Highest index whose effects the state machine holds durably (the frontier). */
  readonly applied: LogIndex;
  /**
   * Votes, pre-votes and campaigns are withheld for one electionTick after the start (S9). False for
   * a replica that genesis or a split has just made; the core itself exempts an only voter.
   */
  readonly restartSilence: boolean;
  /** Election timeout, randomised in [electionTick, 2 * electionTick - 1]. > heartbeatTick. */
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Bytes of entries in one MsgApp (at least one entry always goes). */
  readonly maxSizePerMsg: number;
  /** Unacknowledged MsgApp messages per follower. */
  readonly maxInflightMsgs: number;
  /** Unacknowledged bytes per follower. */
  readonly maxInflightBytes: number;
  /** Bytes proposed and not yet committed; beyond it proposals are dropped. Kept across terms. */
  readonly maxUncommittedBytes: number;
  /** Bytes handed out as committed and not yet reported by applied(). */
  readonly maxApplyingBytes: number;
  /** Ticks without progress after which a follower that is sent a snapshot is probed again. */
  readonly snapshotTimeoutTick: number;
  /** Tests and conformance runs only: build MsgApp at each proposal, not once per ready(). */
  readonly eagerAppend: boolean;
  readonly logger: RaftLogger | null;
}

export interface RaftLogger {
  info(event: string, fields: Readonly<Record<string, string | number | boolean>>): void;
}

export const defaultConfig = Object.freeze({
  applied: 0,
  restartSilence: true,
  electionTick: 16,
  heartbeatTick: 5,
  preVote: true,
  checkQuorum: true,
  maxSizePerMsg: 1 << 20,
  maxInflightMsgs: 16,
  maxInflightBytes: 4 << 20,
  maxUncommittedBytes: 64 << 20,
  maxApplyingBytes: 16 << 20,
  snapshotTimeoutTick: 6000,
  eagerAppend: false,
  logger: null,
}) satisfies Omit<Config, 'id' | 'storage' | 'random'>;
