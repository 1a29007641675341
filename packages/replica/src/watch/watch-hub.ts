import type { Clock } from '@dougdb/ports';
import { DougError } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
import { refuseRevision } from '../history/refuse-revision.js';
import type { ReadQueue } from '../read/read-queue.js';
import type { TableReader } from '../read/table-reader.js';
import type { Refusals } from '../refusals.js';
import type { ServiceGate } from '../service-gate.js';
import { clipRange, compareKeys } from '../state/key-range.js';
import { epochVersionOf, type ReplicaState } from '../state/replica-state.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import { ChangeRing } from './change-ring.js';
import type { ChangeSink } from './change-sink.js';
import type { WatchHandle, WatchLoad, WatchOptions, WatchSettings, WatchSink } from './contract.js';
import { EventPlace } from './event-place.js';
import { RangeIndex } from './range-index.js';
import { Watch, type WatchHost } from './watch.js';
import type { WatchBatch } from './watch-batch.js';
import { positionAt, type WatchPosition } from './watch-position.js';
import type { WindowBudget } from './window-budget.js';

export interface WatchHubOptions {
  readonly gate: ServiceGate;
  readonly state: ReplicaState;
  readonly db: Db;
  readonly reads: Pick<ReadQueue, 'addWaiter'>;
  readonly tables: TableReader;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly refusals: Refusals;
  readonly telemetry: ReplicaTelemetry;
  readonly settings: WatchSettings;
  readonly budget: WindowBudget;
  /** A turn tells for so long, others have theirs in between. */
  readonly sliceMs: number;
  /** Asks for a turn. */
  readonly wake: () => void;
}

/**
 * All watches of a replica. The state machine says what it changes to the ring; each turn matches what is new
 * there with the ranges of the watches and lets those tell that have something to tell, by turns.
 */
export class WatchHub implements WatchHost {
  readonly ring: ChangeRing;
  readonly budget: WindowBudget;
  readonly settings: WatchSettings;
  readonly db: Db;
  readonly #options: WatchHubOptions;
  readonly #watches = new RangeIndex<Watch>();
  /** Those that wait for a read point. */
  #opening = 0;
  /** Those that have something to do, in order. */
  readonly #queue = new Set<Watch>();
  /** When each was told something last, oldest first. */
  readonly #toldMs = new Map<Watch, number>();
  /** Since when those that take nothing have not, oldest first. */
  readonly #slowSinceMs = new Map<Watch, number>();
  readonly #place = new EventPlace();
  /** Everything before it is matched. */
  #matchedOrdinal = 0;
  #matchedRevision = 0;
  #ordinal = 0;
  /** Monotonic milliseconds at which the last watch ended. */
  #leftMs = 0;
  #epochVersion: number;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.db = options.db;
    this.settings = options.settings;
    this.budget = options.budget;
    this.ring = new ChangeRing(options.settings.ringBytes);
    this.#epochVersion = epochVersionOf(options.state.descriptor);
  }

  get changes(): ChangeSink {
    return this.ring;
  }

  get revision(): number {
    return this.#matchedRevision;
  }

  get floor(): number {
    return this.#options.state.historyFloor;
  }

  get load(): WatchLoad {
    const [slowSinceMs] = this.#slowSinceMs.values();
    const nowMs = this.#options.clock.monotonicMs();
    return {
      watches: this.#watches.size,
      slow: this.#slowSinceMs.size,
      lagMs: slowSinceMs === undefined ? 0 : nowMs - slowSinceMs,
      ringBytes: this.ring.memoryBytes,
    };
  }

  /**
   * Opens a watch. From now on (`from` null): a write that was acknowledged before this call is not told, one
   * that begins after `opened` is; those in between may be. That costs a round of ReadIndex; to go on behind
   * a position does not, where that is applied here already.
   * @param epochVersion - 0: not checked
   */
  open(
    options: WatchOptions,
    epochVersion: number,
    deadlineMs: number,
    sink: WatchSink,
  ): WatchHandle {
    const opening = new OpeningWatch();
    const refused = this.#refuse(options, epochVersion);
    if (refused !== null) {
      sink.ended(refused, null);
    } else if (options.from !== null && this.#isApplied(options.from)) {
      this.#begin(opening, options, sink, options.from);
    } else {
      this.#awaitReadPoint(opening, options, epochVersion, deadlineMs, sink);
    }
    return opening;
  }

  /** Matches what is new, and tells. True if some is left for the next turn. */
  turn(): boolean {
    if (this.ring.isOn) this.#match();
    if (this.#queue.size === 0) return false;
    const { clock, sliceMs } = this.#options;
    const endMs = clock.monotonicMs() + sliceMs;
    const isOver = (): boolean => clock.monotonicMs() >= endMs;
    for (const watch of this.#queue) {
      this.#queue.delete(watch);
      if (watch.step(isOver)) this.#queue.add(watch);
      if (isOver()) break;
    }
    return this.#queue.size > 0;
  }

  /** Called each tick. */
  tick(nowMs: number): void {
    const { settings } = this;
    this.#checkEpoch();
    for (const [watch, sinceMs] of this.#slowSinceMs) {
      if (nowMs - sinceMs < settings.lagMs) break;
      const taken = `the watch has taken nothing for ${Math.round(nowMs - sinceMs)} ms`;
      watch.finish(new DougError('LAGGING', taken));
      this.#options.telemetry.watchesLagging.add(1);
    }
    for (const [watch, toldMs] of this.#toldMs) {
      if (nowMs - toldMs < settings.markMs) break;
      watch.mark();
      if (this.#toldMs.has(watch)) this.#told(watch);
    }
    const isLeft = this.#watches.size === 0 && this.#opening === 0;
    if (this.ring.isOn && isLeft && nowMs - this.#leftMs >= settings.lingerMs) this.ring.stop();
  }

  /** Ends all of them. */
  endAll(error: DougError): void {
    for (const watch of [...this.#watches.all()]) watch.finish(error);
  }

  enqueue(watch: Watch): void {
    this.#queue.add(watch);
    this.#options.wake();
  }

  sent(watch: Watch, { count, sizeBytes }: WatchBatch): void {
    const { watchEvents, watchBytes } = this.#options.telemetry;
    watchEvents.add(count);
    watchBytes.add(sizeBytes);
    this.#told(watch);
  }

  windowOpened(): void {
    this.#options.telemetry.watchWindows.add(1);
  }

  #told(watch: Watch): void {
    this.#toldMs.delete(watch);
    this.#toldMs.set(watch, this.#options.clock.monotonicMs());
  }

  setSlow(watch: Watch, isSlow: boolean): void {
    if (isSlow) this.#slowSinceMs.set(watch, this.#options.clock.monotonicMs());
    else this.#slowSinceMs.delete(watch);
  }

  over(watch: Watch): void {
    this.#watches.remove(watch);
    this.#queue.delete(watch);
    this.#toldMs.delete(watch);
    this.#leftMs = this.#options.clock.monotonicMs();
  }

  explain(error: unknown): DougError {
    const known = this.#options.tables.explain(error);
    if (known.reason !== 'INTERNAL') return known;
    // A read that failed says nothing of the data: the token is good for another try, here or elsewhere.
    return new DougError('LAGGING', 'older changes could not be read', { cause: error });
  }

  refuseRevision(revision: number): DougError | null {
    const { state, refusals } = this.#options;
    return refuseRevision(state, revision, refusals);
  }

  /** A range may lie in two partitions from now on: whoever watches it goes on from its token. */
  #checkEpoch(): void {
    const { state, refusals } = this.#options;
    const current = epochVersionOf(state.descriptor);
    if (current === this.#epochVersion) return;
    this.#epochVersion = current;
    this.endAll(refusals.epochMismatch(`the partition is at epoch ${current}`));
  }

  #match(): void {
    const { ring } = this;
    const before = this.#matchedRevision;
    // The ring is smaller than what was applied in one turn.
    if (ring.firstOrdinal > this.#matchedOrdinal) {
      for (const watch of this.#watches.all()) watch.missed(before);
      this.#matchedOrdinal = ring.endOrdinal;
    }
    this.#matchedRevision = this.#options.state.revision;
    for (; this.#matchedOrdinal < ring.endOrdinal; this.#matchedOrdinal++) {
      this.#ordinal = this.#matchedOrdinal;
      ring.read(this.#ordinal, this.#place);
      const { chunk, index } = this.#place;
      if (chunk !== null) this.#watches.holding(chunk.key(index), this.#hit);
    }
    this.#place.clear();
  }

  readonly #hit = (watch: Watch): void => {
    const { chunk, index } = this.#place;
    if (chunk !== null) watch.hit(this.#ordinal, chunk.revision(index), chunk.isDelete(index));
  };

  #isApplied({ revision, lastKey }: WatchPosition): boolean {
    return revision + (lastKey.length > 0 ? 1 : 0) <= this.#options.state.revision;
  }

  #awaitReadPoint(
    opening: OpeningWatch,
    options: WatchOptions,
    epochVersion: number,
    deadlineMs: number,
    sink: WatchSink,
  ): void {
    const { reads, refusals, wake } = this.#options;
    this.#opening++;
    reads.addWaiter({
      deadlineMs,
      ready: () => {
        this.#opening--;
        if (opening.isCancelled) return;
        const refused = this.#refuse(options, epochVersion);
        if (refused !== null) sink.ended(refused, null);
        else this.#begin(opening, options, sink, options.from);
      },
      failed: (error) => {
        this.#opening--;
        if (opening.isCancelled) return;
        // The watch may begin a little later; there is no deadline to it.
        const isLate = error.reason === 'DEADLINE';
        sink.ended(isLate ? refusals.noLeader(error.message) : error, null);
      },
    });
    wake();
  }

  #begin(
    opening: OpeningWatch,
    options: WatchOptions,
    sink: WatchSink,
    from: WatchPosition | null,
  ): void {
    const { state } = this.#options;
    const refused = from === null ? null : this.#refusePosition(from);
    if (refused !== null) {
      sink.ended(refused, null);
      return;
    }
    if (this.ring.isOn) this.#match();
    else this.#startRing(state.revision);
    const watch = new Watch(this, options, sink, from ?? positionAt(state.revision));
    this.#watches.add(watch);
    this.#told(watch);
    opening.stands(watch);
    sink.opened(watch.position);
  }

  #startRing(revision: number): void {
    this.ring.start(revision);
    this.#matchedOrdinal = this.ring.endOrdinal;
    this.#matchedRevision = revision;
  }

  #refuse({ start, end }: WatchOptions, epochVersion: number): DougError | null {
    const { gate, state, refusals } = this.#options;
    const refused = gate.refuseRead();
    if (refused !== null) return refused;
    const current = epochVersionOf(state.descriptor);
    if (epochVersion !== 0 && epochVersion !== current) {
      return refusals.epochMismatch(`the partition is at epoch ${current}`);
    }
    const inside = clipRange(state.descriptor, start, end);
    if (inside === null || !isSame(inside, start, end)) {
      return refusals.epochMismatch('the range of the watch does not lie in this partition');
    }
    const isFull = this.#watches.size + this.#opening >= this.settings.mostWatches;
    return isFull ? refusals.busy('too many watches of this partition') : null;
  }

  #refusePosition(from: WatchPosition): DougError | null {
    const refused = this.refuseRevision(from.revision);
    if (refused !== null || this.#isApplied(from)) return refused;
    const { revision } = this.#options.state;
    const message = `the watch begins behind revision ${from.revision}, the partition is at ${revision}`;
    return new DougError('FUTURE_REVISION', message);
  }
}

/** What its opener holds: a watch that stands, or that waits for its read point. */
class OpeningWatch implements WatchHandle {
  isCancelled = false;
  #watch: Watch | null = null;
  /** Given before it stood. */
  #credit = 0;

  stands(watch: Watch): void {
    this.#watch = watch;
    if (this.#credit > 0) watch.give(this.#credit);
  }

  give(bytes: number): void {
    if (this.#watch === null) this.#credit += bytes;
    else this.#watch.give(bytes);
  }

  resume(): void {
    this.#watch?.resume();
  }

  cancel(): void {
    this.isCancelled = true;
    this.#watch?.cancel();
  }
}

function isSame(
  range: { readonly start: Uint8Array; readonly end: Uint8Array },
  start: Uint8Array,
  end: Uint8Array,
): boolean {
  return compareKeys(range.start, start) === 0 && compareKeys(range.end, end) === 0;
}
