import type { Found } from '@dougdb/sstable';

type Outcome = { readonly found: Found | null } | { readonly error: unknown };

/** A look at a key that has to wait for a disk. */
export class Look {
  /** Resolves when nothing is under way at the disk any more, however that ended. */
  readonly ended: Promise<void>;
  #outcome: Outcome | null = null;

  constructor(found: Promise<Found | null>, onEnd: () => void) {
    const end = (outcome: Outcome): void => {
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
  take(): Found | null {
    const outcome = this.#outcome;
    if (outcome === null) throw new Error('take() before the look was over');
    if ('error' in outcome) throw outcome.error;
    return outcome.found;
  }
}
