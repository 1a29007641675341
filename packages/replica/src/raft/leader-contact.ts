/**
 * Estimates how old the state here is: the time since the last leader message whose commit index was
 * already applied. Two such messages are kept: were there only the newest, a steady stream of them
 * would never be caught up with.
 */
export class LeaderContact {
  #freshMs: number;
  #waiting: Contact | null = null;
  #newest: Contact | null = null;

  /** @param freshMs - monotonic time at which the restored state was fresh, an estimate */
  constructor(freshMs: number) {
    this.#freshMs = freshMs;
  }

  /** A message of the leader said what is committed. */
  heard(commit: number, nowMs: number, applied: number): void {
    if (commit <= applied) {
      this.#freshMs = nowMs;
      this.#waiting = null;
      this.#newest = null;
    } else if (this.#waiting === null) {
      this.#waiting = { commit, atMs: nowMs };
    } else {
      this.#newest = { commit, atMs: nowMs };
    }
  }

  applied(index: number): void {
    if (this.#waiting === null || index < this.#waiting.commit) return;
    this.#freshMs = this.#waiting.atMs;
    this.#waiting = this.#newest;
    this.#newest = null;
    this.applied(index);
  }

  ageMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#freshMs);
  }
}

interface Contact {
  readonly commit: number;
  readonly atMs: number;
}
