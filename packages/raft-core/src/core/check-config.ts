import type { Config } from '../config.js';
import { RaftConfigError } from '../invariant.js';

/** @throws RaftConfigError for a configuration that no replica could run with */
export function checkConfig(config: Config): void {
  const { id, electionTick, heartbeatTick, applied, lease } = config;
  const whole = (n: number, min: number): boolean => Number.isSafeInteger(n) && n >= min;
  const refuse = (what: string): never => {
    throw new RaftConfigError(`replica ${id}: ${what}`);
  };
  if (!whole(id, 1)) refuse('id must be a whole number from 1');
  if (!whole(applied, 0)) refuse('applied must be a whole number');
  if (!whole(heartbeatTick, 1)) refuse('heartbeatTick must be at least 1');
  if (!whole(electionTick, heartbeatTick + 1)) refuse('electionTick must exceed heartbeatTick');
  if (!whole(config.maxInflightMsgs, 1)) refuse('maxInflightMsgs must be at least 1');
  for (const name of [
    'maxSizePerMsg',
    'maxInflightBytes',
    'maxUncommittedBytes',
    'maxApplyingBytes',
    'maxPendingReads',
    'snapshotTimeoutTick',
    'appendTimeoutTick',
  ] as const) {
    if (!(config[name] > 0)) refuse(`${name} must be positive`);
  }
  if (config.recovering && !config.repair) refuse('recovering needs repair');
  if (lease === null) return;
  if (!config.checkQuorum) refuse('a lease needs checkQuorum');
  if (!(lease.tickMs > 0 && lease.electionTimeoutMs >= lease.tickMs * heartbeatTick)) {
    refuse('the times of a lease must be those of the election');
  }
}
