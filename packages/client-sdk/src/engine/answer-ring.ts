/**
 * What waits for an answer, by ids that count up: a ring instead of a Map. It grows when an answer is
 * overtaken by many later ones, up to a span at which nothing more may be added.
 */
export class AnswerRing<T> {
  readonly #maxSpan: number;
  #slots: (T | null)[] = new Array<T | null>(256).fill(null);
  #next = 1;
  /** No id below it is waiting. */
  #oldest = 1;
  #size = 0;

  /** @param maxSpan - a power of two: ids between the oldest that waits and the newest */
  constructor(maxSpan = 65_536) {
    this.#maxSpan = maxSpan;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The id that the next `add` gives. */
  get nextId(): number {
    return this.#next;
  }

  get hasRoom(): boolean {
    return this.#next - this.#oldest < this.#maxSpan;
  }

  /** @returns the id of the item. Call only while `hasRoom`. */
  add(item: T): number {
    if (this.#next - this.#oldest >= this.#slots.length) this.#grow();
    const id = this.#next++;
    this.#slots[id & (this.#slots.length - 1)] = item;
    this.#size++;
    return id;
  }

  /** Takes an item out; null: nothing waits under this id (any more). */
  take(id: number): T | null {
    if (id < this.#oldest || id >= this.#next) return null;
    const slot = id & (this.#slots.length - 1);
    const item = this.#slots[slot] ?? null;
    if (item === null) return null;
    this.#slots[slot] = null;
    this.#size--;
    if (id === this.#oldest) this.#advance();
    return item;
  }

  /** All that wait, by rising id. */
  items(): T[] {
    const items: T[] = [];
    for (let id = this.#oldest; id < this.#next; id++) {
      const item = this.#slots[id & (this.#slots.length - 1)] ?? null;
      if (item !== null) items.push(item);
    }
    return items;
  }

  #advance(): void {
    const mask = this.#slots.length - 1;
    while (this.#oldest < this.#next && this.#slots[this.#oldest & mask] === null) this.#oldest++;
  }

  #grow(): void {
    const bigger = new Array<T | null>(this.#slots.length * 2).fill(null);
    for (let id = this.#oldest; id < this.#next; id++) {
      bigger[id & (bigger.length - 1)] = this.#slots[id & (this.#slots.length - 1)] ?? null;
    }
    this.#slots = bigger;
  }
}
