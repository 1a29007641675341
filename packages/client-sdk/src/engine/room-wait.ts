import type { Timer } from '@dougdb/ports';
import { DougError } from '@dougdb/rpc-proto';
import type { Abortable } from './abort-watch.js';
import type { Engine } from './engine.js';
import { aborted, closed } from './failures.js';

/**
 * Resolves when any one operation finds room in the client.
 * @throws DougError DEADLINE, ABORTED, CLOSED; the outcome is NOT_APPLIED
 */
export function awaitRoom(
  engine: Engine,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (engine.isClosed) reject(closed(false));
    else if (signal?.aborted) reject(aborted(signal, false));
    else if (engine.limit.hasRoom) resolve();
    else new RoomWait(engine, timeoutMs, signal, resolve, reject);
  });
}

/** A call that waits; it is ended by whatever comes first. */
class RoomWait implements Abortable {
  readonly #engine: Engine;
  readonly #signal: AbortSignal | undefined;
  readonly #reject: (error: DougError) => void;
  readonly #forget: () => void;
  readonly #timer: Timer;

  constructor(
    engine: Engine,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    resolve: () => void,
    reject: (error: DougError) => void,
  ) {
    this.#engine = engine;
    this.#signal = signal;
    this.#reject = reject;
    this.#forget = engine.limit.onRoom(() => {
      this.#end();
      resolve();
    });
    this.#timer = engine.clock.setTimer(timeoutMs, () => {
      this.#end();
      const { operations, bytes } = engine.limit.pending;
      const message = `no room within ${timeoutMs} ms: ${operations} operations of ${bytes} bytes are not settled`;
      reject(new DougError('DEADLINE', message));
    });
    engine.dependents.add(this);
    if (signal !== undefined) engine.signals.add(signal, this);
  }

  /** The signal has fired, or the client is closed. */
  aborted(): void {
    this.#end();
    this.#reject(this.#engine.isClosed ? closed(false) : aborted(this.#signal ?? null, false));
  }

  #end(): void {
    this.#forget();
    this.#timer.cancel();
    this.#engine.dependents.delete(this);
    if (this.#signal !== undefined) this.#engine.signals.remove(this.#signal, this);
  }
}
