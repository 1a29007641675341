type Outcome<T> = { readonly found: T } | { readonly error: unknown };

/** A look at the database that has to wait, as for a disk. */
export class Look<T> {
  /** Resolves when nothing is under way at the disk any more, however that ended. */
  readonly ended: Promise<void>;
  #outcome: Outcome<T> | null = null;

  constructor(found: Promise<T>, onEnd: () => void) {
    const end = (outcome: Outcome<T>): void => {
      this.#outcome = outcome;
      onEnd();
    };
    this.ended = found.then(
      (value) => end({ found: value }),
      (error: unknown) => end({ error }),
    );
  }

  get isOver(): boolean {
    return this.#outcome !== null;
  }

  /** What was found, once it is over. @throws the error of the look */
  take(): T {
    const outcome = this.#outcome;
    if (outcome === null) throw new Error('take() before the look was over');
    if ('error' in outcome) throw outcome.error;
    return outcome.found;
  }
}
