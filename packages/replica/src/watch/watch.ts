import type { DougError, WatchedValue } from '@dougdb/rpc-proto';
import type { Db, Found } from '@dougdb/sstable';
import { userVersionOf } from '../format/stored-value.js';
import { isPromise } from '../maybe-promise.js';
import type { ChangeRing } from './change-ring.js';
import type { WatchHandle, WatchOptions, WatchSettings, WatchSink } from './contract.js';
import { EventPlace } from './event-place.js';
import { HeldWindow } from './held-window.js';
import { holds, type Ranged } from './range-index.js';
import { VersionWindow } from './version-window.js';
import { WatchBatch } from './watch-batch.js';
import { positionAt, positionBehind, type WatchPosition } from './watch-position.js';
import type { WindowBudget } from './window-budget.js';

/** What a watch needs of those around it. */
export interface WatchHost {
  readonly db: Db;
  readonly ring: ChangeRing;
  readonly budget: WindowBudget;
  readonly settings: WatchSettings;
  /** Applied, and matched with all watches. */
  readonly revision: number;
  /** What happened up to here may be forgotten. */
  readonly floor: number;
  /** It has something to do in a turn. */
  enqueue(watch: Watch): void;
  /** It has handed a batch to its sink. */
  sent(watch: Watch, batch: WatchBatch): void;
  windowOpened(): void;
  /** It could be told something and does not take it, or takes it again. */
  setSlow(watch: Watch, isSlow: boolean): void;
  over(watch: Watch): void;
  /** What the one who watches is told of an error of the database. */
  explain(error: unknown): DougError;
  /** Why nobody may go on from a revision; null: it may be. */
  refuseRevision(revision: number): DougError | null;
}

/** Ordinals of matches that are remembered; a watch with more of them looks for itself. */
const MOST_HITS = 1024;
const EVENTS_PER_GLANCE = 16;
const LOOKS_PER_GLANCE = 64;

/**
 * One watch. Where it gets its events from depends on how far behind it is:
 *
 * - live: everything up to the revision of the host was told. The host says when a change matches (`hit`).
 * - hit: such changes are in the ring and wait for its turn.
 * - behind: it looks through the ring by itself, from its position on, or, where the ring has forgotten,
 *   through a window over the versions; then through the ring again.
 *
 * The position is all that is kept of a watch that does not take anything.
 */
export class Watch implements WatchHandle, Ranged {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly #options: WatchOptions;
  readonly #sink: WatchSink;
  readonly #host: WatchHost;
  readonly #batch = new WatchBatch();
  #state: 'live' | 'hit' | 'behind' | 'over' = 'behind';
  /** What was sent, and what lies before the next event: of a live one, the host's. */
  #position: WatchPosition;
  #credit: number;
  #hits: number[] = [];
  #hitAt = 0;
  /** Behind, in the ring: the next ordinal to look at; -1: to be found by the position. */
  #at = -1;
  readonly #window: HeldWindow;
  /** The next event, if there is one. */
  readonly #next = new EventPlace();
  #isLooking = false;
  /** What a look found, once it has; undefined: it was not looked. */
  #previous: WatchedValue | null | undefined = undefined;
  #isSlow = false;

  constructor(host: WatchHost, options: WatchOptions, sink: WatchSink, from: WatchPosition) {
    this.#host = host;
    this.#options = options;
    this.#sink = sink;
    this.start = options.start;
    this.end = options.end;
    this.#credit = options.creditBytes === 0 ? Number.POSITIVE_INFINITY : options.creditBytes;
    this.#position = from;
    this.#window = new HeldWindow(host.budget, () => host.enqueue(this));
    const isLive = from.revision === host.revision && from.lastKey.length === 0;
    if (isLive) this.#state = 'live';
    else host.enqueue(this);
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  get position(): WatchPosition {
    return this.#state === 'live' ? positionAt(this.#host.revision) : this.#position;
  }

  give(bytes: number): void {
    if (this.#isOver) return;
    this.#credit += bytes;
    this.resume();
  }

  resume(): void {
    if (this.#isOver || !this.#isSlow) return;
    this.#setSlow(false);
    this.#window.setBusy();
    this.#host.enqueue(this);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#state = 'over';
    this.#setSlow(false);
    this.#batch.clear();
    this.#next.clear();
    this.#hits = [];
    this.#window.leave();
    this.#host.over(this);
  }

  finish(error: DougError): void {
    if (this.#isOver) return;
    const { position } = this;
    this.cancel();
    this.#sink.ended(error, position);
  }

  /** Says that everything up to where it stands was told. */
  mark(): void {
    if (!this.#sink.isFull) this.#sink.mark(this.position);
  }

  /** A change of its range stands in the ring, behind everything that matched before. */
  hit(ordinal: number, revision: number, isDelete: boolean): void {
    if (isDelete ? this.#options.noDeletes : this.#options.noPuts) return;
    if (this.#state === 'live') {
      this.#state = 'hit';
      this.#position = positionAt(revision - 1);
      this.#hits.push(ordinal);
      this.#host.enqueue(this);
    } else if (this.#state === 'hit') {
      if (this.#hits.length - this.#hitAt < MOST_HITS) this.#hits.push(ordinal);
      else this.#fallBehind();
    }
  }

  /** Changes behind this revision were not matched: the ring has forgotten them. */
  missed(revision: number): void {
    // The event that comes next may be in hand, with a look under way, or all hits may be told already: behind
    // them there is a gap, and nothing else would say so.
    if (this.#state === 'hit') this.#fallBehind();
    if (this.#state !== 'live') return;
    this.#state = 'behind';
    this.#position = positionAt(revision);
    this.#at = -1;
    this.#host.enqueue(this);
  }

  /** Tells at most one batch. True if there is more to do at once. */
  step(isOver: () => boolean): boolean {
    let left = EVENTS_PER_GLANCE;
    while (!this.#isOver && !this.#isLooking) {
      if (this.#next.chunk === null) {
        const found = this.#find(isOver);
        if (found !== 'event') return found === 'later';
      }
      if (!this.#mayTell()) {
        this.#stopBefore();
        return false;
      }
      if (!this.#look()) continue;
      this.#batch.add(this.#next, this.#previous ?? null);
      this.#taken();
      const isFull = this.#batch.sizeBytes >= this.#host.settings.batchBytes;
      if (!isFull && --left > 0) continue;
      left = EVENTS_PER_GLANCE;
      if (!isFull && !isOver()) continue;
      this.#flushBehindLast();
      return true;
    }
    return false;
  }

  #mayTell(): boolean {
    return this.#credit > this.#batch.sizeBytes && !this.#sink.isFull;
  }

  /** INVARIANT(watch-bounded): nothing is kept but the position before the event that has no room. */
  #stopBefore(): void {
    const { chunk, index } = this.#next;
    const revision = chunk?.revision(index) ?? 0;
    const { count, lastRevision } = this.#batch;
    const isInside =
      count > 0 ? lastRevision === revision : this.#position.revision === revision - 1;
    const lastKey = count > 0 ? () => this.#batch.lastKey() : () => this.#position.lastKey;
    this.#flush(isInside ? positionBehind(revision, lastKey()) : positionAt(revision - 1));
    // Whoever was told may have cancelled it.
    if (this.#isOver) return;
    this.#next.clear();
    this.#previous = undefined;
    this.#state = 'behind';
    this.#hits = [];
    this.#hitAt = 0;
    this.#at = -1;
    this.#setSlow(true);
    this.#window.setIdle();
  }

  #setSlow(isSlow: boolean): void {
    if (this.#isSlow === isSlow) return;
    this.#isSlow = isSlow;
    this.#host.setSlow(this, isSlow);
  }

  /** Finds the next event. 'later': the slice is over; 'idle': it is told when there is something to do. */
  #find(isOver: () => boolean): 'event' | 'later' | 'idle' {
    for (;;) {
      if (this.#window.isOpen) {
        const found = this.#findInWindow(isOver);
        if (found !== 'none') return found;
      } else if (this.#state === 'hit') {
        const found = this.#findHit();
        if (found !== 'none') return found;
      } else if (this.#isInRing()) {
        return this.#findInRing(isOver);
      } else if (!this.#openWindow()) {
        return 'idle';
      }
    }
  }

  #findHit(): 'event' | 'idle' | 'none' {
    const { ring } = this.#host;
    const ordinal = this.#hits[this.#hitAt];
    if (ordinal === undefined) {
      this.#goLive();
      return 'idle';
    }
    if (ordinal < ring.firstOrdinal) {
      this.#fallBehind();
      return 'none';
    }
    ring.read(ordinal, this.#next);
    if (this.#isWanted()) return 'event';
    this.#taken();
    return 'none';
  }

  #findInRing(isOver: () => boolean): 'event' | 'later' | 'idle' {
    const { ring } = this.#host;
    if (this.#at === -1) this.#at = ring.behind(this.#position);
    for (let left = LOOKS_PER_GLANCE; this.#at < ring.endOrdinal; ) {
      ring.read(this.#at, this.#next);
      if (this.#isWanted()) return 'event';
      this.#taken();
      if (--left > 0) continue;
      if (isOver()) {
        this.#flushBehindLast();
        return 'later';
      }
      left = LOOKS_PER_GLANCE;
    }
    this.#goLive();
    return 'idle';
  }

  #findInWindow(isOver: () => boolean): 'event' | 'later' | 'idle' | 'none' {
    const window = this.#window;
    try {
      if (!window.collect(isOver)) return 'later';
    } catch (error) {
      this.finish(this.#host.explain(error));
      return 'idle';
    }
    while (window.peek(this.#next)) {
      if (this.#isWanted()) return 'event';
      this.#taken();
    }
    this.#flush(window.end ?? this.#position);
    window.close();
    return this.#isOver ? 'idle' : 'none';
  }

  /** Whether the ring holds everything behind what was told. */
  #isInRing(): boolean {
    const { ring } = this.#host;
    if (this.#at >= ring.firstOrdinal) return true;
    if (this.#at !== -1) {
      this.#flushBehindLast();
      this.#at = -1;
    }
    return this.#position.revision >= ring.afterRevision;
  }

  /** False if it has to wait for its turn, or ended. */
  #openWindow(): boolean {
    const { db, revision, settings } = this.#host;
    const { noPuts, noDeletes } = this.#options;
    const from = this.#position;
    // INVARIANT(watch-no-gap): what lies behind the position is all there, or the watch ends and says so.
    const refused = this.#host.refuseRevision(from.revision);
    if (refused !== null) {
      this.finish(refused);
      return false;
    }
    const view = { db, from, noPuts, noDeletes, start: this.start, end: this.end };
    try {
      const isOpen = this.#window.open(
        settings.windowEvents,
        (bounds) => new VersionWindow({ ...view, through: revision, bounds }),
      );
      if (isOpen) this.#host.windowOpened();
      return isOpen;
    } catch (error) {
      this.finish(this.#host.explain(error));
      return false;
    }
  }

  #isWanted(): boolean {
    const { chunk, index } = this.#next;
    if (chunk === null) return false;
    const { noPuts, noDeletes, isDue } = this.#options;
    if (chunk.isDelete(index) ? noDeletes : noPuts) return false;
    return holds(this, chunk, index) && (isDue?.(chunk.revision(index), chunk.key(index)) ?? true);
  }

  /** The event was added, or is not wanted. */
  #taken(): void {
    this.#next.clear();
    this.#previous = undefined;
    if (this.#window.isOpen) this.#window.advance();
    else if (this.#state === 'hit') this.#hitAt++;
    else this.#at++;
  }

  /** Everything in the ring was told. */
  #goLive(): void {
    this.#flush(positionAt(this.#host.revision));
    if (this.#isOver) return;
    this.#state = 'live';
    this.#hits = [];
    this.#hitAt = 0;
    this.#at = -1;
  }

  /** Looks through the ring by itself, from the next match on. */
  #fallBehind(): void {
    this.#state = 'behind';
    this.#at = this.#hits[this.#hitAt] ?? -1;
    this.#hits = [];
    this.#hitAt = 0;
  }

  /** Finds what was there before the next event. False if that has to wait, or failed. */
  #look(): boolean {
    const { chunk, index } = this.#next;
    if (!this.#options.previous || this.#previous !== undefined || chunk === null) return true;
    const { db, floor } = this.#host;
    const sequence = chunk.revision(index) - 1;
    const key = chunk.key(index);
    if (sequence < floor) return true;
    try {
      const found = db.look(key, { sequence });
      if (!isPromise(found)) {
        this.#previous = watchedValue(key, found);
        return true;
      }
      this.#isLooking = true;
      this.#flushBehindLast();
      found
        .then((value) => this.#looked(watchedValue(key, value)))
        .catch((error: unknown) => this.#lookFailed(error));
    } catch (error) {
      this.finish(this.#host.explain(error));
    }
    return false;
  }

  #looked(previous: WatchedValue | null): void {
    this.#isLooking = false;
    if (this.#isOver) return;
    this.#previous = previous;
    this.#host.enqueue(this);
  }

  #lookFailed(error: unknown): void {
    this.#isLooking = false;
    if (!this.#isOver) this.finish(this.#host.explain(error));
  }

  #flushBehindLast(): void {
    const { count, lastRevision } = this.#batch;
    if (count > 0) this.#flush(positionBehind(lastRevision, this.#batch.lastKey()));
  }

  #flush(position: WatchPosition): void {
    this.#position = position;
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#credit -= batch.sizeBytes;
    this.#sink.events(batch, position);
    if (!this.#isOver) this.#host.sent(this, batch);
    batch.clear();
  }
}

function watchedValue(key: Uint8Array, found: Found | null): WatchedValue | null {
  if (found === null) return null;
  return { key, ...userVersionOf(found, 'value') };
}
