import { ApplyOutcome } from '../state/apply-outcome.js';
import { MAX_COMMAND_KEYS, MAX_RESULT_BYTES } from './command-bounds.js';
import { WorkBoundError } from './plan.js';

/**
 * INVARIANT(commands-bounded): what a command has touched and will answer, judged while it looks, so that it
 * stops there. A key counts each time that the command comes to it.
 */
export class WorkBound {
  #keys = 0;
  #resultBytes = 0;

  /** One more key. @throws WorkBoundError */
  touch(): void {
    if (++this.#keys > MAX_COMMAND_KEYS) throw new WorkBoundError(ApplyOutcome.TooManyKeys);
  }

  /** So many more bytes to answer. @throws WorkBoundError */
  answer(bytes: number): void {
    this.#resultBytes += bytes;
    if (this.#resultBytes > MAX_RESULT_BYTES) throw new WorkBoundError(ApplyOutcome.ResultTooLarge);
  }
}
