/** What is to happen at a moment of virtual time. `run` is null once it was cancelled. */
export interface SimEvent {
  /** Integer microseconds of global virtual time. */
  timeUs: number;
  /** Breaks ties: what was scheduled first runs first. */
  seq: number;
  run: (() => void) | null;
  /** Whose event it is; null for the scheduler's own. */
  readonly owner: EventOwner | null;
}

/** What the scheduler asks of the clock that an event belongs to. */
export interface EventOwner {
  /** Called when the event is due; false: the owner has taken it away (paused or closed). */
  admit(event: SimEvent): boolean;
}

/** A binary heap by (time, seq). Cancelled events stay until they surface or outnumber the rest. */
export class EventHeap {
  #items: SimEvent[] = [];
  #cancelled = 0;

  /** Events that were not cancelled. */
  get size(): number {
    return this.#items.length - this.#cancelled;
  }

  push(event: SimEvent): void {
    this.#items.push(event);
    this.#siftUp(this.#items.length - 1);
  }

  /** The next event that was not cancelled, left where it is. */
  peek(): SimEvent | undefined {
    for (;;) {
      const first = this.#items[0];
      if (first === undefined || first.run !== null) return first;
      this.#removeFirst();
      this.#cancelled--;
    }
  }

  pop(): SimEvent | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  /** Cancels an event that is in the heap. */
  cancel(event: SimEvent): void {
    event.run = null;
    this.#cancelled++;
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#items.length) this.#compact();
  }

  #compact(): void {
    const kept = this.#items.filter((event) => event.run !== null);
    // A list in order is a heap.
    kept.sort((a, b) => a.timeUs - b.timeUs || a.seq - b.seq);
    this.#items = kept;
    this.#cancelled = 0;
  }

  #removeFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#siftDown();
  }

  #siftUp(start: number): void {
    const items = this.#items;
    const event = items[start] as SimEvent;
    let at = start;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = items[parentAt] as SimEvent;
      if (!before(event, parent)) break;
      items[at] = parent;
      at = parentAt;
    }
    items[at] = event;
  }

  #siftDown(): void {
    const items = this.#items;
    const event = items[0] as SimEvent;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= items.length) break;
      const right = items[childAt + 1];
      if (right !== undefined && before(right, items[childAt] as SimEvent)) childAt++;
      const child = items[childAt] as SimEvent;
      if (!before(child, event)) break;
      items[at] = child;
      at = childAt;
    }
    items[at] = event;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.timeUs < b.timeUs || (a.timeUs === b.timeUs && a.seq < b.seq);
}
