/** 2020-01-01 UTC, the zero of log time, in milliseconds since 1970. */
export const LOG_TIME_EPOCH_MS = 1_577_836_800_000;
/** Log time counts this many steps in a millisecond. */
export const LOG_TIME_PER_MS = 4096;

/**
 * No clock is followed beyond this (the year 2089): log times stay below 2^53 with room for more stamps
 * than will ever be made. An entry of a later time could be read by no replica.
 */
export const LATEST_LOG_TIME = 2 ** 53 - 2 ** 40;

/** The first log time of a millisecond of the wall clock. */
export function logTimeOf(wallMs: number): number {
  const steps = Math.max(0, Math.floor(wallMs - LOG_TIME_EPOCH_MS)) * LOG_TIME_PER_MS;
  return Math.min(steps, LATEST_LOG_TIME);
}

/** The wall clock millisecond that a log time stands for. */
export function wallMsOf(logTime: number): number {
  return Math.floor(logTime / LOG_TIME_PER_MS) + LOG_TIME_EPOCH_MS;
}

/** A duration in steps of log time. */
export function logTimeSpan(durationMs: number): number {
  return durationMs * LOG_TIME_PER_MS;
}
