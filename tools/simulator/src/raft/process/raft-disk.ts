import {
  type Append,
  type ConfState,
  type Entry,
  type LogIndex,
  MemoryStorage,
  type ReplicaId,
  type Term,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import type { Coverage } from '../coverage.js';
import { LogMirror } from '../oracle/log-mirror.js';
import type { Holder, Oracle } from '../oracle/oracle.js';

/** An append on its way to the disk, with the repairs of its Ready. */
export interface Submitted {
  readonly append: Append;
  readonly repairs: readonly Entry[];
  /** Tick of its replica at which it was handed out. */
  readonly sinceTick: number;
}

/**
 * The disk of one replica: log, hard state, and how far the state machine is durable. Appends are
 * written in order, several at a time; a crash keeps any prefix of what was not synced. `storage` shows
 * the core what is reported as durable, `log` what a reader would find on the disk now.
 */
export class RaftDisk implements Holder {
  readonly id: ReplicaId;
  readonly storage: MemoryStorage;
  readonly log: LogMirror;
  readonly #oracle: Oracle;
  readonly #coverage: Coverage;
  #queue: Submitted[] = [];
  /** How many of the queue are being written. */
  #writing = 0;
  /** The log before its end was lost: those entries were promised. */
  #lost: LogMirror | null = null;
  /** Names the life that told of this loss; the term whose leader has heard of it. */
  #lossToken = 0;
  #lossHeardIn: Term = 0;
  /** Highest index that the state machine holds durably. */
  frontier: LogIndex;
  /** The configuration as of the frontier. */
  conf: ConfState;
  /** Nothing is completed before this time. */
  stalledUntilUs = 0;
  slowness = 1;

  /** The disk of a member from the beginning or, without `genesis`, an empty one. */
  constructor(
    id: ReplicaId,
    conf: ConfState,
    env: { genesis: Entry | null; oracle: Oracle; coverage: Coverage },
  ) {
    this.id = id;
    this.conf = conf;
    this.#oracle = env.oracle;
    this.#coverage = env.coverage;
    this.frontier = env.genesis?.index ?? 0;
    this.log = new LogMirror(env.oracle.committed, this.frontier);
    this.storage = new MemoryStorage(conf, env.genesis ?? { index: 0, term: 0 });
    if (env.genesis !== null) this.storage.setSnapshot(env.genesis.index, conf);
  }

  holds(index: LogIndex, term: Term, countedIn: Term): boolean {
    if (this.log.termAt(index) === term) return true;
    // This replica has no vote, so a leader that cannot know of the loss may count what was promised.
    const isKnown = this.#lossHeardIn === countedIn;
    return this.#lost !== null && !isKnown && this.#lost.termAt(index) === term;
  }

  get isIdle(): boolean {
    return this.#writing === 0;
  }

  get hasQueue(): boolean {
    return this.#queue.length > 0;
  }

  /** Tick at which the oldest append that is not complete was handed out, or null. */
  get oldestSince(): number | null {
    return this.#queue[0]?.sinceTick ?? null;
  }

  get isTailLost(): boolean {
    return this.#lost !== null;
  }

  get isFaulty(): boolean {
    return this.isTailLost || this.storage.damagedCount > 0;
  }

  submit(submitted: Submitted): void {
    this.#queue.push(submitted);
  }

  /** Everything that waits is written together. */
  begin(): void {
    this.#writing = this.#queue.length;
  }

  /** What was being written is durable. */
  complete(): readonly Submitted[] {
    const done = this.#queue.splice(0, this.#writing);
    this.#writing = 0;
    for (const submitted of done) this.#write(submitted);
    return done;
  }

  /** Term and vote only go forward. */
  writeHardState(state: { readonly term: Term; readonly vote: ReplicaId }): void {
    const { term, vote } = this.storage.initialState().hardState;
    if (state.term < term || (state.term === term && vote !== 0 && state.vote !== vote)) {
      throw new Violation(
        'vote-durable',
        `${this.id} goes from ${term}/${vote} to ${state.term}/${state.vote}`,
      );
    }
    this.storage.setHardState(state);
  }

  /** Power fails; `share` of what was not synced survives. */
  crash(share: number): void {
    const kept = Math.floor(share * (this.#queue.length + 1));
    if (this.#queue.length > 0) this.#coverage.hit('crash-with-unsynced-log');
    for (const submitted of this.#queue.slice(0, kept)) this.#write(submitted);
    this.#queue = [];
    this.#writing = 0;
  }

  /** The state machine is durable up to `index`; the log forgets what lies up to `compactTo`. */
  flush(index: LogIndex, conf: ConfState, compactTo: LogIndex): void {
    this.frontier = index;
    this.conf = conf;
    this.storage.setConfState(conf);
    this.storage.setSnapshot(index, conf);
    this.storage.compact(compactTo);
    this.log.compact(Math.min(compactTo, this.storage.firstIndex() - 1));
  }

  /** The end of the log is lost although it was reported durable; that it is lost is known. */
  loseTail(from: LogIndex): void {
    if (from <= Math.max(this.frontier, this.log.base) || from > this.log.last) return;
    if (this.#lost === null || this.#lost.last < this.log.last) this.#lost = this.log.copy();
    this.#lossToken = 0;
    this.#lossHeardIn = 0;
    this.log.truncateFrom(from);
    this.storage.truncateFrom(from);
  }

  /** This replica tells its leader of the loss, as the life that `token` names. */
  announced(token: number): void {
    if (this.#lost !== null) this.#lossToken = token;
  }

  lossHeard(token: number, term: Term): void {
    if (this.#lost !== null && token === this.#lossToken) this.#lossHeardIn = term;
  }

  /** The replica holds again what it had promised. */
  whole(): void {
    this.#lost = null;
  }

  #write({ append, repairs }: Submitted): void {
    const { snapshot, truncateFrom, entries } = append;
    if (snapshot !== null) {
      this.log.install(snapshot.index, snapshot.term);
      this.storage.applySnapshot(snapshot);
      this.frontier = snapshot.index;
      this.conf = snapshot.confState;
    }
    if (truncateFrom !== undefined) {
      this.#oracle.overwrites(this.id, this.log, truncateFrom, []);
      this.log.truncateFrom(truncateFrom);
      this.storage.truncateFrom(truncateFrom);
    }
    const first = entries[0]?.index ?? 0;
    if (first !== 0) {
      this.#oracle.overwrites(this.id, this.log, first, entries);
      if (first <= this.log.last) this.#coverage.hit('suffix-truncated');
      this.log.replace(entries);
    }
    for (const entry of repairs) this.storage.repair(entry);
    this.storage.append(entries, append.commit);
  }
}
