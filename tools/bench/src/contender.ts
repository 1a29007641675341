/** What the loads of a comparison do, over and over, with so many of them unanswered. */
export type Operation = 'put' | 'get';

/** What one window of load came to. */
export interface LoadResult {
  readonly opsPerSecond: number;
  readonly operations: number;
  /** Left out where the load generator does not tell. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** One side of a comparison: a running store and what drives it. */
export interface Contender {
  readonly name: string;
  /** What CPU is counted of, by the name that the table shows. */
  readonly processes: ReadonlyMap<string, readonly number[]>;
  /** One second of warm-up, then the window. */
  load(operation: Operation, inFlight: number, seconds: number): Promise<LoadResult>;
}
