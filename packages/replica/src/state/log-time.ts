/** 2020-01-01 UTC, the zero of log time, in milliseconds since 1970. */
export const LOG_TIME_EPOCH_MS = 1_577_836_800_000;
/** Log time counts this many steps in a millisecond. */
export const LOG_TIME_PER_MS = 4096;

/** The first log time of a millisecond of the wall clock. */
export function logTimeOf(wallMs: number): number {
  return Math.max(0, Math.floor(wallMs - LOG_TIME_EPOCH_MS)) * LOG_TIME_PER_MS;
}

/** The wall clock millisecond that a log time stands for. */
export function wallMsOf(logTime: number): number {
  return Math.floor(logTime / LOG_TIME_PER_MS) + LOG_TIME_EPOCH_MS;
}

/** A duration in steps of log time. */
export function logTimeSpan(durationMs: number): number {
  return durationMs * LOG_TIME_PER_MS;
}
