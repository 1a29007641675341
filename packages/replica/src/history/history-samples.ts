/** A revision that was the newest at a log time. */
interface Sample {
  readonly logTime: number;
  readonly revision: number;
}

/** So many samples a history: the floor is late by a hundredth of it at most. */
const SAMPLES_A_HISTORY = 100;
/** More are never kept: where time stands still and jumps, the oldest go. */
const MOST_SAMPLES = 256;

/**
 * Remembers which revision was the newest at which log time, as a replica applies: enough to say which one was
 * newest a history ago. Kept in memory alone: after a start it begins with the state that was restored.
 */
export class HistorySamples {
  readonly #span: number;
  readonly #interval: number;
  /** Oldest first, in both fields. */
  #samples: Sample[] = [];

  /** @param span - length of the history in steps of log time */
  constructor(span: number) {
    this.#span = span;
    this.#interval = Math.max(1, Math.floor(span / SAMPLES_A_HISTORY));
  }

  get count(): number {
    return this.#samples.length;
  }

  /** The state after an entry. */
  note(logTime: number, revision: number): void {
    const last = this.#samples[this.#samples.length - 1];
    if (last === undefined) {
      this.#samples.push({ logTime, revision });
      return;
    }
    if (revision === last.revision || logTime - last.logTime < this.#interval) return;
    this.#samples.push({ logTime, revision });
    this.#forgetOld(logTime);
  }

  /**
   * The revision that was newest a history before `now`: everything from it on is part of the history that is kept.
   * 0: not known, or nothing is so old.
   * @param newest - the state now, if it is older than a history itself
   */
  floorAt(now: number, newest: Sample): number {
    const horizon = now - this.#span;
    if (newest.logTime <= horizon) return newest.revision;
    let floor = 0;
    for (const { logTime, revision } of this.#samples) {
      if (logTime > horizon) break;
      floor = revision;
    }
    return floor;
  }

  /** Of those that are older than a history only the newest says anything. */
  #forgetOld(now: number): void {
    const samples = this.#samples;
    const horizon = now - this.#span;
    let old = 0;
    while (old + 1 < samples.length && (samples[old + 1] as Sample).logTime <= horizon) old++;
    samples.splice(0, Math.max(old, samples.length - MOST_SAMPLES));
  }
}
