import type { Clock } from '@dougdb/ports';
import type { Engine } from './engine.js';

/**
 * Refuses new work, hands the leadership over and waits until nobody waits for this replica, at most
 * until the deadline (monotonic milliseconds).
 */
export function drain(engine: Engine, clock: Clock, deadlineMs: number): Promise<void> {
  engine.parts.gate.moveTo('draining');
  return new Promise((resolve) => {
    const timer = clock.setTimer(Math.max(0, deadlineMs - clock.monotonicMs()), () => end());
    const end = (): void => {
      timer.cancel();
      engine.watch(null);
      resolve();
    };
    const look = (): void => {
      if (isQuiet(engine)) end();
    };
    engine.watch(look);
    // What is not applied yet may never be.
    const { reads, refusals } = engine.parts;
    reads.revisions.failAll(refusals.draining());
    engine.guard(() => engine.parts.leadership.handOver('draining'));
    engine.wake();
    look();
  });
}

function isQuiet({ parts, isStopped }: Engine): boolean {
  if (isStopped) return true;
  const { writes, apply, reads, tables, leadership, state } = parts;
  if (writes.pendingEntries > 0 || apply.isAwaited) return false;
  if (reads.open > 0 || tables.inFlight > 0) return false;
  return !leadership.isLeader || state.confState.voters.length <= 1;
}
