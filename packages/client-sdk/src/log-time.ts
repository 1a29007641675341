/** 2020-01-01 UTC, where log times begin. */
const ZERO_MS = 1_577_836_800_000;
/** Log times within one millisecond. */
const PER_MS = 4096;

/** Milliseconds since 1970 of a partition's log time: what its leaders' clocks said, never running backwards. */
export function dateMsOf(logTime: number): number {
  return ZERO_MS + Math.floor(logTime / PER_MS);
}
