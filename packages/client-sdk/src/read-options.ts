import {
  DougError,
  LINEARIZABLE,
  type ReadLevel,
  Consistency as WireConsistency,
} from '@dougdb/rpc-proto';
import type { CallOptions } from './options.js';

/**
 * What a read sees.
 * - `linearizable`: every write acknowledged before. Any replica may serve it, after a round to a quorum.
 * - `lease`: the same, from the leader without a round; rests on clocks, and is refused where the cluster was not
 *   set up for it.
 * - `{ maxAgeMs }`: everything acknowledged up to so long ago, from any replica.
 * - `eventual`: what any replica has, at once; it may be older.
 */
export type Consistency = 'linearizable' | 'lease' | 'eventual' | { readonly maxAgeMs: number };

export interface ReadOptions extends CallOptions {
  readonly consistency?: Consistency | undefined;
}

/** A read that may name a moment. */
export interface RevisionOptions extends ReadOptions {
  /**
   * Read as it was at this revision of the partition, from any replica: down to the oldest that is kept
   * (DOUG_COMPACTED below it). One that is yet to come is waited for until the time is up. Not together with
   * `consistency`.
   */
  readonly revision?: number | undefined;
}

/** The consistency as given, if it is one. @throws DougError INVALID_ARGUMENT */
export function checkConsistency(consistency: Consistency): Consistency {
  levelOf(consistency);
  return consistency;
}

/** What a read asks for. @throws DougError INVALID_ARGUMENT */
export function readLevelOf(options: RevisionOptions, otherwise: Consistency): ReadLevel {
  const { consistency, revision } = options;
  if (revision === undefined) return levelOf(consistency ?? otherwise);
  if (consistency !== undefined) {
    throw invalid('a read has a revision or a consistency, not both');
  }
  if (!Number.isSafeInteger(revision) || revision < 1) {
    throw invalid(`revision must be an integer of at least 1, not ${String(revision)}`);
  }
  return { consistency: WireConsistency.CONSISTENCY_AT_REVISION, argument: revision };
}

function levelOf(consistency: Consistency): ReadLevel {
  if (consistency === 'linearizable') return LINEARIZABLE;
  if (consistency === 'eventual') return eventual;
  if (consistency === 'lease') return lease;
  if (typeof consistency === 'object' && consistency !== null) {
    const { maxAgeMs } = consistency;
    if (typeof maxAgeMs === 'number' && maxAgeMs >= 1 && maxAgeMs <= longestAgeMs) {
      return { consistency: WireConsistency.CONSISTENCY_BOUNDED, argument: Math.floor(maxAgeMs) };
    }
    throw invalid(`maxAgeMs must be from 1 to ${longestAgeMs}, not ${String(maxAgeMs)}`);
  }
  throw invalid(
    `consistency must be 'linearizable', 'lease', 'eventual' or { maxAgeMs }, not '${String(consistency)}'`,
  );
}

const longestAgeMs = 2 ** 31 - 1;
const eventual: ReadLevel = Object.freeze({
  consistency: WireConsistency.CONSISTENCY_EVENTUAL,
  argument: 0,
});
const lease: ReadLevel = Object.freeze({
  consistency: WireConsistency.CONSISTENCY_LEASE,
  argument: 0,
});

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}
