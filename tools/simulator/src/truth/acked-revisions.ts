/** The newest revision of a partition that anybody had been told, by the time. */
export class AckedRevisions {
  readonly #atMs: number[] = [];
  readonly #revisions: number[] = [];

  /** Somebody was told a revision now. */
  tell(nowMs: number, revision: number): void {
    if (revision <= (this.#revisions.at(-1) ?? 0)) return;
    this.#atMs.push(nowMs);
    this.#revisions.push(revision);
  }

  /** The newest that was told before this moment. */
  before(ms: number): number {
    let [low, high] = [0, this.#atMs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#atMs[middle] as number) < ms) low = middle + 1;
      else high = middle;
    }
    return this.#revisions[low - 1] ?? 0;
  }
}
