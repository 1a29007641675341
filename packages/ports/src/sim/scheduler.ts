import type { Timer } from '../clock.js';
import { EventHeap, type EventOwner, type SimEvent } from './event-heap.js';
import { SimClock, type SimClockOptions } from './sim-clock.js';

export interface SimSchedulerOptions {
  /** Wall clock time at virtual time 0. Default 2026-01-01 UTC. */
  readonly startWallMs?: number;
  /**
   * Lets the promises that an event has settled run on, before the next event. The default awaits
   * {@link DEFAULT_DRAIN_HOPS} microtask turns. Where code may chain more awaits than that between
   * two calls of a port, hand in one that waits for a turn of the real loop (`drainLoop` of
   * `@dougdb/ports/node`): by then no microtask is left, however long the chain was.
   */
  readonly drain?: () => Promise<void>;
}

/**
 * Microtask turns after each event by default; an `await` costs one to three. A longer chain is not
 * lost: it runs on beside the next events, still in the same order in each run, but virtual time
 * may pass meanwhile, as it does for a slow process.
 */
export const DEFAULT_DRAIN_HOPS = 64;

/** 2026-01-01 UTC. */
const DEFAULT_START_WALL_MS = 1_767_225_600_000;

const NEXT_MICROTASK = Promise.resolve();

/**
 * Virtual time, shared by the clocks of all simulated nodes. Nothing moves by itself: time jumps
 * from event to event as the test asks. Events run one at a time by (time, order of scheduling);
 * after each, promises are drained (see {@link SimSchedulerOptions.drain}).
 *
 * An error thrown by an event comes out of the call that ran it.
 */
export class SimScheduler {
  /** Wall clock time at virtual time 0, before the offsets of the clocks. */
  readonly startWallMs: number;
  readonly #heap = new EventHeap();
  readonly #drain: () => Promise<void>;
  #nowUs = 0;
  #seq = 0;
  #executed = 0;

  constructor(options: SimSchedulerOptions = {}) {
    this.startWallMs = options.startWallMs ?? DEFAULT_START_WALL_MS;
    this.#drain = options.drain ?? drainMicrotasks;
  }

  /** Global virtual time, integer microseconds from 0. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** Global virtual time in milliseconds. */
  get nowMs(): number {
    return this.#nowUs / 1000;
  }

  /** Events that wait. */
  get pendingCount(): number {
    return this.#heap.size;
  }

  /** Events run so far. */
  get executedCount(): number {
    return this.#executed;
  }

  /** The time of the next event in microseconds, or null. */
  get nextUs(): number | null {
    return this.#heap.peek()?.timeUs ?? null;
  }

  /** A node's clock. */
  clock(options: SimClockOptions = {}): SimClock {
    return new SimClock(this, options);
  }

  /** Schedules an event of the simulation itself, on global time. */
  schedule(delayMs: number, run: () => void): Timer {
    const event = this.enqueue(Math.ceil(delayMs * 1000), run, null);
    return { cancel: () => this.cancel(event) };
  }

  /** @internal for clocks: an event delayUs (integer, negative is 0) from now. */
  enqueue(delayUs: number, run: () => void, owner: EventOwner | null): SimEvent {
    const event = { timeUs: this.#nowUs + Math.max(0, delayUs), seq: this.#seq++, run, owner };
    this.#heap.push(event);
    return event;
  }

  /** @internal for clocks: cancels an event that is in the heap or has run (then: nothing). */
  cancel(event: SimEvent): void {
    if (event.run !== null) this.#heap.cancel(event);
  }

  /** @internal for clocks: puts an event that the owner had taken away back, due now. */
  requeue(event: SimEvent): void {
    event.timeUs = this.#nowUs;
    event.seq = this.#seq++;
    this.#heap.push(event);
  }

  /** Runs one event without draining promises. False if none waits. */
  stepSync(): boolean {
    return this.#stepUntil(Number.POSITIVE_INFINITY);
  }

  /** Drains promises, runs one event, drains again. False if no event waited. */
  async step(): Promise<boolean> {
    await this.#drain();
    if (!this.stepSync()) return false;
    await this.#drain();
    return true;
  }

  /** Runs all events up to this global time, then stands there. */
  async runUntil(timeMs: number): Promise<void> {
    const untilUs = Math.round(timeMs * 1000);
    await this.#drain();
    while (this.#stepUntil(untilUs)) await this.#drain();
    this.#nowUs = Math.max(this.#nowUs, untilUs);
  }

  /**
   * Runs events up to this global time until `holds` answers true: it is asked before the first one and after
   * each, when promises are drained. Time then stands where that was. False if the time came first.
   */
  async runUntilTrue(holds: () => boolean, timeMs: number): Promise<boolean> {
    const untilUs = Math.round(timeMs * 1000);
    await this.#drain();
    while (!holds()) {
      if (!this.#stepUntil(untilUs)) {
        this.#nowUs = Math.max(this.#nowUs, untilUs);
        return false;
      }
      await this.#drain();
    }
    return true;
  }

  /** Runs all events of the next so many milliseconds. */
  advance(durationMs: number): Promise<void> {
    return this.runUntil((this.#nowUs + Math.round(durationMs * 1000)) / 1000);
  }

  /**
   * Runs events until the promise settles and answers as it does: how a test awaits something that
   * needs virtual time. @throws an error if events run out, or maxEvents were run, before that
   */
  async runWhilePending<T>(promise: Promise<T>, maxEvents = 1_000_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.#drain();
    for (let count = 0; !settled; count++) {
      if (count >= maxEvents) throw new Error(`the promise is still pending after ${count} events`);
      if (!(await this.step())) break;
    }
    if (!settled)
      throw new Error('the promise is pending and no event is left that could settle it');
    return promise;
  }

  #stepUntil(untilUs: number): boolean {
    for (;;) {
      const event = this.#heap.peek();
      if (event === undefined || event.timeUs > untilUs) return false;
      this.#heap.pop();
      if (event.owner !== null && !event.owner.admit(event)) continue;
      this.#nowUs = event.timeUs;
      const run = event.run as () => void;
      event.run = null;
      this.#executed++;
      run();
      return true;
    }
  }
}

async function drainMicrotasks(): Promise<void> {
  for (let hop = 0; hop < DEFAULT_DRAIN_HOPS; hop++) await NEXT_MICROTASK;
}
