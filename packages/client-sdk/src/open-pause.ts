import { pause } from '@dougdb/facade';
import type { Engine } from './engine/engine.js';
import { StopSource } from './scan.js';

/** Waits between two attempts: until the time is over, the signal fires, or the client is closed. */
export async function openPause(
  engine: Engine,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = new StopSource(engine, signal);
  try {
    await pause(engine.clock, delayMs, stop.signal);
  } finally {
    stop.release();
  }
}
