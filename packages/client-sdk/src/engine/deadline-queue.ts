import type { Clock, Timer } from '@dougdb/ports';

/** What has a deadline. The fields belong to the queue. */
export interface Expiring {
  deadlineMs: number;
  expiry: ExpiryList | null;
  earlier: Expiring | null;
  later: Expiring | null;
}

/** Everything with one timeout, in the order of the calls: that is the order of the deadlines. */
export interface ExpiryList {
  readonly timeoutMs: number;
  first: Expiring | null;
  last: Expiring | null;
}

/**
 * Deadlines of many operations with one timer: a linked list for each length of timeout, so adding and
 * removing cost nothing worth counting. The timer is not touched when an operation ends; it fires,
 * finds what is due (mostly nothing) and is set again if anything is left.
 */
export class DeadlineQueue<T extends Expiring> {
  readonly #clock: Clock;
  readonly #expire: (item: T, timeoutMs: number) => void;
  readonly #lists = new Map<number, ExpiryList>();
  #timer: Timer | null = null;
  #timerAtMs = 0;
  #size = 0;

  constructor(clock: Clock, expire: (item: T, timeoutMs: number) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  get size(): number {
    return this.#size;
  }

  /** @param timeoutMs - from now */
  add(item: T, timeoutMs: number): void {
    const list = this.#listFor(timeoutMs);
    item.deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    item.expiry = list;
    item.earlier = list.last;
    item.later = null;
    if (list.last === null) list.first = item;
    else list.last.later = item;
    list.last = item;
    this.#size++;
    this.#arm(item.deadlineMs);
  }

  /** Of something that is not in the queue: nothing. */
  remove(item: T): void {
    const list = item.expiry;
    if (list === null) return;
    if (item.earlier === null) list.first = item.later;
    else item.earlier.later = item.later;
    if (item.later === null) list.last = item.earlier;
    else item.later.earlier = item.earlier;
    item.expiry = null;
    item.earlier = null;
    item.later = null;
    this.#size--;
  }

  /** Everything that is in the queue, in no particular order. */
  items(): T[] {
    const items: T[] = [];
    for (const list of this.#lists.values()) {
      for (let item = list.first; item !== null; item = item.later) items.push(item as T);
    }
    return items;
  }

  /** Stops the timer. Nothing expires any more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #listFor(timeoutMs: number): ExpiryList {
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) {
      list = { timeoutMs, first: null, last: null };
      this.#lists.set(timeoutMs, list);
    }
    return list;
  }

  #arm(deadlineMs: number): void {
    if (this.#timer !== null) {
      if (this.#timerAtMs <= deadlineMs) return;
      this.#timer.cancel();
    }
    this.#timerAtMs = deadlineMs;
    this.#timer = this.#clock.setTimer(deadlineMs - this.#clock.monotonicMs(), () => this.#fire());
  }

  #fire(): void {
    this.#timer = null;
    const nowMs = this.#clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const list of [...this.#lists.values()]) {
      while (list.first !== null && list.first.deadlineMs <= nowMs) {
        const item = list.first as T;
        this.remove(item);
        this.#expire(item, list.timeoutMs);
      }
      // A program may use any number of different timeouts: lists come and go.
      if (list.first === null) this.#lists.delete(list.timeoutMs);
      else nextMs = Math.min(nextMs, list.first.deadlineMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  }
}
