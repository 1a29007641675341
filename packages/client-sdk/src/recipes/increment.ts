import { type BackoffOptions, backoffMs } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import type { DougClient } from '../client.js';
import { type Codec, encodeUtf8, type Key } from '../codec.js';
import type { Engine } from '../engine/engine.js';
import { openPause } from '../open-pause.js';
import type { CallOptions } from '../options.js';

/** What an increment answers. */
export interface IncrementResult {
  /** What the counter is after it. */
  readonly value: number;
  readonly revision: number;
}

/** Pauses after somebody else was faster: short ones, since every time somebody has got ahead. */
const conflictBackoff: BackoffOptions = { baseMs: 2, maxMs: 50 };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Counters are decimal integers as text, which is also what they are as JSON: '42', '-7'. */
export const counterCodec: Codec<number> = Object.freeze({
  encode: (value: number) => encodeUtf8(String(value)),
  decode: (bytes: Uint8Array) => {
    const text = utf8.decode(bytes);
    const value = Number(text);
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
    throw new DougError('DECODE', `'${text.slice(0, 40)}' is no counter`);
  },
});

/**
 * Adds to a counter. Each attempt is one transaction that sets the next value if the counter is as it was read, and
 * else reads it again. It counts once: a transaction whose answer was lost is asked for again under its own identity,
 * and says what became of it; only one that certainly was not carried out is followed by another.
 * @throws DougError; outcome UNKNOWN: it was counted once or not at all
 */
export async function increment(
  engine: Engine,
  db: DougClient<number>,
  key: Key,
  by: number,
  options: CallOptions,
  timeoutMs: number,
): Promise<IncrementResult> {
  const { clock, random } = engine;
  const { signal } = options;
  const untilMs = clock.monotonicMs() + timeoutMs;
  const left = (): CallOptions => ({
    signal,
    timeoutMs: Math.max(1, untilMs - clock.monotonicMs()),
  });
  let hit = await db.get(key, { ...left(), consistency: 'linearizable' });
  for (let attempt = 1; ; attempt++) {
    const value = sumOf(hit?.value ?? 0, by);
    const outcome = await db.txn(
      {
        if: [{ key, revision: hit?.revision ?? 0 }],
        then: [{ put: key, value }],
        else: [{ get: key }],
      },
      left(),
    );
    if (outcome.succeeded) return { value, revision: outcome.revision };
    const pauseMs = backoffMs(attempt, random, conflictBackoff);
    if (clock.monotonicMs() + pauseMs >= untilMs) {
      const message = `others changed the counter in each of ${attempt} attempts`;
      throw new DougError('DEADLINE', message, { outcome: 'NOT_APPLIED' });
    }
    if (attempt > 1) await openPause(engine, pauseMs, signal);
    // After a pause it has probably moved again, and the answer of a lost transaction may not be kept.
    const isFresh = attempt === 1 && outcome.results !== undefined;
    hit = isFresh
      ? outcome.results[0]
      : await db.get(key, { ...left(), consistency: 'linearizable' });
  }
}

function sumOf(value: number, by: number): number {
  const sum = value + by;
  if (Number.isSafeInteger(sum)) return sum;
  throw new DougError('INVALID_ARGUMENT', `${value} + ${by} is beyond what a counter holds`);
}
