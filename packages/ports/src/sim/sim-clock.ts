import type { Clock, Timer } from '../clock.js';
import type { EventOwner, SimEvent } from './event-heap.js';
import type { SimScheduler } from './scheduler.js';

export interface SimClockOptions {
  /** How fast this node's monotonic clock and timers run: 1.1 is 10 % fast. Default 1. */
  readonly driftRatio?: number;
  /** How far this node's wall clock is ahead. Default 0. */
  readonly wallOffsetMs?: number;
}

/**
 * A node's clock on virtual time, made by {@link SimScheduler.clock}. {@link close} is what a crash
 * of the process does to its timers, {@link pause} what SIGSTOP does.
 */
export class SimClock implements Clock, EventOwner {
  readonly scheduler: SimScheduler;
  readonly #driftRatio: number;
  readonly #bornUs: number;
  readonly #pending = new Set<SimEvent>();
  #wallOffsetMs: number;
  #held: SimEvent[] | null = null;
  #closed = false;

  /** Use {@link SimScheduler.clock}. */
  constructor(scheduler: SimScheduler, options: SimClockOptions = {}) {
    this.scheduler = scheduler;
    this.#driftRatio = options.driftRatio ?? 1;
    if (!(this.#driftRatio > 0))
      throw new RangeError(`driftRatio ${this.#driftRatio} is not above 0`);
    this.#wallOffsetMs = options.wallOffsetMs ?? 0;
    this.#bornUs = this.scheduler.nowUs;
  }

  /** Timers and deferred calls of this node that wait: 0 after everything was closed properly. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  monotonicMs(): number {
    return this.#localUs(this.scheduler.nowUs) / 1000;
  }

  wallMs(): number {
    return Math.floor(this.scheduler.startWallMs + this.scheduler.nowMs + this.#wallOffsetMs);
  }

  /** On a closed clock nothing is scheduled. @throws RangeError if delayMs is not a number */
  setTimer(delayMs: number, run: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay');
    const event = this.#schedule(this.#globalDelayUs(Math.ceil(delayMs * 1000)), run);
    return { cancel: () => this.#cancel(event) };
  }

  /** Runs at this same moment of virtual time, after what was scheduled for it before. */
  defer(run: () => void): void {
    this.#schedule(0, run);
  }

  /** Moves this node's wall clock, either way. The monotonic clock does not notice. */
  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  /** Holds back every event of this node. Its clocks run on. */
  pause(): void {
    this.#held ??= [];
  }

  /** Runs what was held back, in order, as soon as the scheduler runs. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const event of held) {
      if (event.run !== null) this.scheduler.requeue(event);
    }
  }

  /** Cancels all of this node's events and refuses new ones. */
  close(): void {
    this.#closed = true;
    for (const event of [...this.#pending]) this.#cancel(event);
    this.#held = null;
  }

  /** As {@link SimScheduler.runUntil}: global virtual time, all nodes. */
  runUntil(timeMs: number): Promise<void> {
    return this.scheduler.runUntil(timeMs);
  }

  /** As {@link SimScheduler.advance}. */
  advance(durationMs: number): Promise<void> {
    return this.scheduler.advance(durationMs);
  }

  /** As {@link SimScheduler.step}. */
  runNext(): Promise<boolean> {
    return this.scheduler.step();
  }

  /** @internal called by the scheduler when an event of this node is due. */
  admit(event: SimEvent): boolean {
    if (this.#held === null) return true;
    this.#held.push(event);
    return false;
  }

  #localUs(globalUs: number): number {
    return Math.floor((globalUs - this.#bornUs) * this.#driftRatio);
  }

  /** The shortest global delay after which this clock has gone on by so much. */
  #globalDelayUs(localDelayUs: number): number {
    if (this.#driftRatio === 1) return localDelayUs;
    const { nowUs } = this.scheduler;
    const dueUs = this.#localUs(nowUs) + localDelayUs;
    let delayUs = Math.max(0, Math.floor(localDelayUs / this.#driftRatio) - 1);
    while (this.#localUs(nowUs + delayUs) < dueUs) delayUs++;
    return delayUs;
  }

  #schedule(delayUs: number, run: () => void): SimEvent {
    if (this.#closed) return { timeUs: 0, seq: 0, run: null, owner: this };
    const event: SimEvent = this.scheduler.enqueue(
      delayUs,
      () => {
        this.#pending.delete(event);
        run();
      },
      this,
    );
    this.#pending.add(event);
    return event;
  }

  #cancel(event: SimEvent): void {
    this.#pending.delete(event);
    // What is held back is no longer in the heap: the scheduler must not count it as cancelled.
    if (this.#held?.includes(event)) event.run = null;
    else this.scheduler.cancel(event);
  }
}
