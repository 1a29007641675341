import { backoffMs, compareEnds, compareKeys } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import type { Engine } from './engine/engine.js';
import type { Operation } from './engine/operation.js';
import { openPause } from './open-pause.js';
import type { CallOptions } from './options.js';
import type { ByteRange, KeyRange } from './ranges.js';
import type { DeletedChunk } from './result-reader.js';

/** Which keys to remove: `prefix`, or any of `start` and `end`; all of them only if it is said so. */
export interface DeleteRangeOptions extends KeyRange, CallOptions {
  /** Remove everything: what a range without bounds would mean by accident. */
  readonly everything?: boolean | undefined;
}

/** What a delete of a range answers. */
export interface DeleteRangeResult {
  /** Keys that were there and are gone. */
  readonly deleted: number;
  /** False: an answer was lost, and the partition remembered no more than that it took effect. */
  readonly resultKept?: false;
}

/** A delete of a range that did not come to its end. `deleted` keys are gone for certain. */
export class DeleteRangeError extends DougError {
  override readonly name = 'DeleteRangeError';
  /** Keys that are certainly gone. Of the chunk that failed, at most 1,024 keys, see `cause`. */
  readonly deleted: number;

  constructor(deleted: number, cause: DougError) {
    const { reason, message, route, retryAfterMs } = cause;
    // Of the whole nothing better can be said: some of it took effect.
    const options = { outcome: 'UNKNOWN' as const, route, retryAfterMs, cause };
    super(reason, `after ${deleted} keys were deleted: ${message}`, options);
    this.deleted = deleted;
  }

  /** Whether a value is a DeleteRangeError, whichever copy of this package made it. */
  static override is(value: unknown): value is DeleteRangeError {
    return DougError.is(value) && 'deleted' in value;
  }
}

/**
 * Removes the first keys of a range that lies in one partition.
 * @param place - to be called with its operation before that is submitted
 */
export type DeleteChunk = (
  range: ByteRange,
  place: (op: Operation) => void,
) => Promise<DeletedChunk>;

/**
 * Removes a range chunk by chunk, each within one partition as the map has it. Each is atomic; between them others may
 * write. Later calls of this client on keys of the range wait for all of it (INVARIANT(call-order)): what was put after
 * it was called would else be deleted by the next chunk.
 * @throws DougError of the first chunk that failed, or DeleteRangeError
 */
export async function deleteByChunks(
  engine: Engine,
  range: ByteRange,
  deleteChunk: DeleteChunk,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<DeleteRangeResult> {
  const turn = new Turn(engine, range);
  try {
    return await deleteAll(
      engine,
      range,
      (chunk) => deleteChunk(chunk, turn.place),
      timeoutMs,
      signal,
    );
  } finally {
    turn.end();
  }
}

/** The place among the calls of what is done by several operations, one after the other. */
class Turn {
  readonly #engine: Engine;
  readonly #range: ByteRange;
  #first: Operation | null = null;

  constructor(engine: Engine, range: ByteRange) {
    this.#engine = engine;
    this.#range = range;
  }

  readonly place = (op: Operation): void => {
    if (this.#first === null) {
      this.#first = op;
      op.reach = [this.#range];
    } else {
      op.isWithinReach = true;
    }
  };

  end(): void {
    if (this.#first !== null) this.#engine.endTurn(this.#first);
  }
}

async function deleteAll(
  engine: Engine,
  range: ByteRange,
  deleteChunk: (range: ByteRange) => Promise<DeletedChunk>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<DeleteRangeResult> {
  const { router, clock, random, settings } = engine;
  let { start } = range;
  let deleted = 0;
  let isKept = true;
  let crossings = 0;
  let untilMs = clock.monotonicMs() + timeoutMs;
  while (range.end.length === 0 || compareKeys(start, range.end) < 0) {
    const route = router.map.lookup(start);
    const bound = route === null || compareEnds(range.end, route.end) <= 0 ? range.end : route.end;
    try {
      const { result } = await deleteChunk({ start, end: bound });
      crossings = 0;
      untilMs = clock.monotonicMs() + timeoutMs;
      deleted += result?.deleted ?? 0;
      if (result === null) isKept = false;
      // Where it went as far as nobody knows, the same chunk is asked for again: what is gone is gone.
      else if (result.resumeKey !== undefined) start = result.resumeKey;
      else if (bound.length === 0) break;
      else start = bound;
    } catch (error) {
      const failure = DougError.from(error);
      const isStale = failure.reason === 'CROSS_PARTITION' && failure.outcome === 'NOT_APPLIED';
      if (!isStale || clock.monotonicMs() >= untilMs)
        throw deleted === 0 && isKept ? failure : new DeleteRangeError(deleted, failure);
      // The partition is smaller than it is known here: the next word about it is waited for.
      router.seek(start);
      const pauseMs = backoffMs(++crossings, random, settings.backoff);
      await openPause(engine, Math.min(pauseMs, untilMs - clock.monotonicMs()), signal);
    }
  }
  return isKept ? { deleted } : { deleted, resultKept: false };
}
