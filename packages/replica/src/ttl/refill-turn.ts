/**
 * Lets one after the other of the replicas of a process read which keys have a time: each takes a part of every tick,
 * and after a start all leaders want to at once.
 */
export class RefillTurn {
  #owner: object | null = null;

  /** True if it is the caller's turn from here on, or was; until give(). */
  take(owner: object): boolean {
    this.#owner ??= owner;
    return this.#owner === owner;
  }

  /** Nothing happens if it is another one's turn. */
  give(owner: object): void {
    if (this.#owner === owner) this.#owner = null;
  }
}
