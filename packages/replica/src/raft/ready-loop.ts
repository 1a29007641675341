import type {
  Append,
  Drop,
  Entry,
  Message,
  RawNode,
  ReadState,
  Ready,
  SoftState,
} from '@dougdb/raft-core';
import type { HardStateKeeper } from './hard-state-keeper.js';

/** What a Ready asks of the rest of the replica, in the order in which it is asked. */
export interface ReadyHandlers {
  changed(soft: SoftState): void;
  send(message: Message): void;
  append(append: Append): void;
  apply(entries: readonly Entry[]): void;
  confirmed(read: ReadState): void;
  dropped(drop: Drop): void;
}

export interface ReadyLoopOptions {
  readonly core: RawNode;
  readonly keeper: HardStateKeeper;
  readonly handlers: ReadyHandlers;
  /** Asks for another turn. */
  readonly wake: () => void;
  /** Runs what follows a put; catches what it throws. */
  readonly guard: (run: () => void) => void;
  /** The hard state could not be stored: the process must end. */
  readonly onFatal: (error: unknown) => void;
}

/** Readies carried out in one turn before others get theirs. */
const READIES_A_TURN = 4;

/**
 * Carries out what raft-core asks for (the contract is on raft-core's `Ready`). A Ready with a hard
 * state waits until that is durable, and all later ones behind it; ticks and messages go on being
 * stepped into the core meanwhile.
 */
export class ReadyLoop {
  readonly #options: ReadyLoopOptions;
  #isWaiting = false;
  #isClosed = false;
  #lastPut: Promise<void> = Promise.resolve();

  constructor(options: ReadyLoopOptions) {
    this.#options = options;
  }

  /** Whether run() would do something now. */
  get wantsTurn(): boolean {
    return !this.#isWaiting && !this.#isClosed && this.#options.core.hasReady();
  }

  /** Carries out what there is, up to a bound. */
  run(): void {
    const { core } = this.#options;
    for (let i = 0; i < READIES_A_TURN && this.wantsTurn; i++) {
      const ready = core.ready();
      if (ready.hardState === null) this.#carryOut(ready);
      else this.#putFirst(ready, ready.hardState.term, ready.hardState.vote);
    }
  }

  /** Nothing is carried out any more. Resolves when no put is under way. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#lastPut;
  }

  #putFirst(ready: Ready, term: number, vote: number): void {
    const { keeper, guard, wake, onFatal } = this.#options;
    this.#isWaiting = true;
    this.#lastPut = keeper.put(term, vote).then(
      () => {
        this.#isWaiting = false;
        if (this.#isClosed) return;
        guard(() => this.#carryOut(ready));
        wake();
      },
      (error: unknown) => {
        if (!this.#isClosed) onFatal(error);
      },
    );
  }

  #carryOut(ready: Ready): void {
    const { handlers, keeper } = this.#options;
    if (ready.softState !== null) handlers.changed(ready.softState);
    for (const message of ready.messages) {
      keeper.checkMessage(message);
      handlers.send(message);
    }
    if (ready.append !== null) handlers.append(ready.append);
    if (ready.committed.length > 0) handlers.apply(ready.committed);
    for (const read of ready.reads) handlers.confirmed(read);
    for (const drop of ready.drops) handlers.dropped(drop);
  }
}
