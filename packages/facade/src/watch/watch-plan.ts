import type { Clock, Random } from '@dougdb/ports';
import type { ResponseHeader, WatchEvent } from '@dougdb/rpc-proto';
import type { BackoffOptions } from '../backoff.js';
import type { Router } from '../routing/router.js';
import type { WatchPiece } from './watch-position.js';
import type { WatchStrand } from './watch-strand.js';
import type { WatchStreams } from './watch-streams.js';

/** What is held of one node's watch at most unless told otherwise, in bytes, the last message aside. */
export const WATCH_CREDIT_BYTES = 1 << 20;

/** A watch with everything decided. Empty start and end: from the first, to the last key. */
export interface WatchPlan {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  /** What was told before; null: it begins now, or at `fromRevision`. */
  readonly from: readonly WatchPiece[] | null;
  /** The first revision to be told; 0: from now on. Only where the range lies in one partition. */
  readonly fromRevision: number;
  /** Tell what was there before. */
  readonly previous: boolean;
  readonly noPuts: boolean;
  readonly noDeletes: boolean;
  /** So many bytes of events may be told by one node and not taken, the last message aside. */
  readonly creditBytes: number;
}

/** What watches are run with. */
export interface WatchPorts {
  readonly streams: WatchStreams;
  readonly router: Router;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
}

/** What was told of a part of the range. */
export interface WatchNews {
  readonly strand: WatchStrand;
  readonly header: ResponseHeader | undefined;
  /** Of one partition, by revision and then by key. None: a mark. */
  readonly events: readonly WatchEvent[];
  /** How much was told of that part then. */
  pieces: readonly WatchPiece[];
  readonly costBytes: number;
}
