import type { Clock } from '@dougdb/ports';
import { DougError } from '@dougdb/rpc-proto';

/**
 * Waits for a promise, but not beyond a time and not beyond a signal. The promise itself goes on: the
 * caller ends what it stands for.
 * @throws what the promise rejects with; DEADLINE after timeoutMs; ABORTED with the signal's reason
 */
export function boundedWait<T>(
  promise: Promise<T>,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (run: () => void): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      run();
    };
    const onAbort = (): void => {
      end(() =>
        reject(
          new DougError('ABORTED', 'aborted by the signal', {
            outcome: 'NOT_APPLIED',
            cause: signal.reason,
          }),
        ),
      );
    };
    const timer = clock.setTimer(timeoutMs, () => {
      end(() => reject(new DougError('DEADLINE', `no answer within ${Math.ceil(timeoutMs)} ms`)));
    });
    signal.addEventListener('abort', onAbort);
    promise.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
    if (signal.aborted) onAbort();
  });
}
