import type { Router } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import type { NodePipe } from './node-pipe.js';
import type { Operation } from './operation.js';

/**
 * Pipes that owe answers and say nothing. When to leave one: what was sent on it is sent again then,
 * under the same op ids, but a leader that is merely slow would have answered.
 */
export class SilentPipes {
  readonly #router: Router;
  readonly #retry: (op: Operation, error: DougError) => void;
  readonly #pipes = new Set<NodePipe>();

  /** @param retry - takes operations that need not wait for a silent pipe */
  constructor(router: Router, retry: (op: Operation, error: DougError) => void) {
    this.#router = router;
    this.#retry = retry;
  }

  /** A pipe has been silent for a while, or for one more. */
  add(pipe: NodePipe): void {
    if (this.#router.isProxy(pipe.address)) {
      void this.#leaveIfDead(pipe);
      return;
    }
    this.#pipes.add(pipe);
    // Reads that any replica may serve need not wait.
    for (const op of pipe.sent) {
      if (!op.eventual) continue;
      pipe.withdraw(op);
      this.#retry(op, new DougError('NO_LEADER', `${pipe.address} does not answer`));
    }
    // Another node may know that somebody else leads by now; see leave.
    this.#router.finder.refresh(pipe.address);
  }

  /** A pipe is over. */
  remove(pipe: NodePipe): void {
    this.#pipes.delete(pipe);
  }

  /** The map has learned something: nodes that are silent while others say that they lead are left. */
  leave(): void {
    for (const pipe of [...this.#pipes]) {
      if (pipe.isSilent) this.#leaveIfReplaced(pipe);
      else this.#pipes.delete(pipe);
    }
  }

  #leaveIfReplaced(pipe: NodePipe): void {
    const { map } = this.#router;
    const isReplaced = pipe.sent.some((op) => {
      const route = map.lookup(op.key);
      const leader = route === null ? undefined : map.leaderAddress(route);
      return leader !== undefined && leader !== pipe.address;
    });
    if (isReplaced) pipe.abandon(doesNotAnswer(pipe));
  }

  /**
   * A facade may be waiting for a node itself, and watches that better than could be done from here. It is
   * left if it does not even say what it is.
   */
  async #leaveIfDead(pipe: NodePipe): Promise<void> {
    const isAlive = await this.#router.finder.probe(pipe.address);
    if (!isAlive && pipe.isSilent) pipe.abandon(doesNotAnswer(pipe));
  }
}

function doesNotAnswer({ address }: NodePipe): DougError {
  return new DougError('IN_DOUBT', `${address} does not answer`);
}
