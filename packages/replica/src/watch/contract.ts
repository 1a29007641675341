import type { DougError, EncodedWatchEvents } from '@dougdb/rpc-proto';
import type { WatchPosition } from './watch-position.js';

export interface WatchOptions {
  /** Inclusive; empty: from the first key of the partition. */
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key of the partition. The range must lie in the partition. */
  readonly end: Uint8Array;
  /** Where it goes on; null: with what begins after it was opened. */
  readonly from: WatchPosition | null;
  readonly noPuts: boolean;
  readonly noDeletes: boolean;
  /** Tell what was there before. */
  readonly previous: boolean;
  /** Bytes of events that may be told before there is more; 0: without a limit of its own. */
  readonly creditBytes: number;
  /** Whether a change behind `from` is to be told; left out: each is. */
  readonly isDue?: (revision: number, key: Uint8Array) => boolean;
}

/** Who is told by a watch. Nothing of it may throw: that would stop the replica. */
export interface WatchSink {
  /** What was told waits for a slow reader: nothing is told until {@link WatchHandle.resume}. */
  readonly isFull: boolean;
  /** The watch stands: everything behind this position will be told. Once, before anything else but `ended`. */
  opened(position: WatchPosition): void;
  /** Changes, in order. They are valid during the call; they cost their `sizeBytes` of the credit. */
  events(events: EncodedWatchEvents, position: WatchPosition): void;
  /** Nothing new to tell up to here. */
  mark(position: WatchPosition): void;
  /** The watch is over. @param position - where to go on; null: it never stood */
  ended(error: DougError, position: WatchPosition | null): void;
}

/** A watch, for whoever opened it. */
export interface WatchHandle {
  /** So many bytes of events more may be told. */
  give(bytes: number): void;
  /** The sink is not full any more. */
  resume(): void;
  /** Nothing is told any more. */
  cancel(): void;
}

/** See {@link defaultWatchSettings}. */
export interface WatchSettings {
  /** Memory for the newest changes of the partition. */
  readonly ringBytes: number;
  /** Changes that a window over older versions may hold. */
  readonly windowEvents: number;
  /** One answer takes no further event at this size. */
  readonly batchBytes: number;
  /** A watch that could be told something and takes nothing for so long ends. */
  readonly lagMs: number;
  /** A watch hears something at least so often. */
  readonly markMs: number;
  /** The newest changes are remembered for so long after the last watch ended. */
  readonly lingerMs: number;
  /** Watches of one replica. */
  readonly mostWatches: number;
}

export const defaultWatchSettings: WatchSettings = Object.freeze({
  ringBytes: 16 << 20,
  windowEvents: 65_536,
  batchBytes: 256 << 10,
  lagMs: 30_000,
  // A client hears something at least every 5 s; this leaves room for a late turn.
  markMs: 4_000,
  lingerMs: 60_000,
  mostWatches: 10_000,
});

/** What the watches of a replica cost at the moment. */
export interface WatchLoad {
  readonly watches: number;
  /** Those that could be told something and do not take it. */
  readonly slow: number;
  /** For how long the slowest of them has not. */
  readonly lagMs: number;
  readonly ringBytes: number;
}
