import type { Entry } from '../entry.js';
import type { LogIndex, ReplicaId, Term } from '../ids.js';

/** Words of other replicas that they do not hold the entry at `index`, collected in one term. */
export interface Denials {
  readonly index: LogIndex;
  readonly term: Term;
  readonly deniers: Set<ReplicaId>;
}

/**
 * What this replica knows to be missing or damaged in its own log (S11). An entry is damaged when its
 * place, (index, term), is known and its bytes are not; `isRecovering` means that even the extent of
 * the log is not known.
 */
export class Repairs {
  #lifeToken: number;
  /** Ascending. A whole part of a disk may be unreadable: nothing here is looked for entry by entry. */
  #damaged: LogIndex[] = [];
  readonly #isDamaged = new Set<LogIndex>();
  /** The term of this replica when the newest of them was found. */
  #foundTerm: Term = 0;
  /** Bytes that came from another replica and are not yet durable here. */
  #fetched = new Map<LogIndex, Entry>();
  #unhanded: Entry[] = [];
  #isRecovering: boolean;
  /** The log is whole again when this much is committed and held. 0: not yet known. */
  #recoverUntil: LogIndex = 0;
  #leaderKnows = false;
  denials: Denials | null = null;
  /** Ticks since requests for entries were sent. */
  askElapsed = 0;
  #hasBeenNeeded: boolean;

  constructor(lifeToken: number, { isRecovering }: { readonly isRecovering: boolean }) {
    this.#lifeToken = lifeToken;
    this.#isRecovering = isRecovering;
    this.#hasBeenNeeded = isRecovering;
  }

  /**
   * Names this life of the replica in its acknowledgements: those of an earlier life may speak of
   * entries that are gone. It changes whenever more damage is found.
   */
  get lifeToken(): number {
    return this.#lifeToken;
  }

  /** Whether the present leader has taken the loss into account. */
  get leaderKnows(): boolean {
    return this.#leaderKnows;
  }

  get isRecovering(): boolean {
    return this.#isRecovering;
  }

  /** Whether this replica lacks anything; then it does not campaign. */
  get isNeeded(): boolean {
    return this.#isRecovering || this.#damaged.length > 0;
  }

  /** From now on acknowledgements carry the token of this life. */
  nameLife(): void {
    this.#hasBeenNeeded = true;
  }

  /** The token for acknowledgements; 0 in a life of which no leader has to know. */
  get ackToken(): number {
    return this.#hasBeenNeeded ? this.#lifeToken : 0;
  }

  get damaged(): readonly LogIndex[] {
    return this.#damaged;
  }

  /** In terms above this one nothing that is damaged was ever acknowledged. */
  get foundTerm(): Term {
    return this.#foundTerm;
  }

  /** First damaged entry, or 0. */
  get firstDamaged(): LogIndex {
    return this.#damaged[0] ?? 0;
  }

  get hasUnhanded(): boolean {
    return this.#unhanded.length > 0;
  }

  isDamaged(index: LogIndex): boolean {
    return this.#isDamaged.has(index);
  }

  /** A read met damage in `term`. */
  found(indexes: readonly LogIndex[], term: Term): void {
    const before = this.#isDamaged.size;
    for (const index of indexes) this.#isDamaged.add(index);
    const fresh = this.#isDamaged.size - before;
    if (fresh === 0) return;
    this.#damaged = [...this.#isDamaged].sort((a, b) => a - b);
    this.#foundTerm = term;
    this.#hasBeenNeeded = true;
    this.#leaderKnows = false;
    this.#lifeToken += fresh;
  }

  /** The bytes of a damaged entry came; the caller checked that its term is the one of its place. */
  fetched(entry: Entry): void {
    if (!this.isDamaged(entry.index) || this.#fetched.has(entry.index)) return;
    this.#fetched.set(entry.index, entry);
    this.#unhanded.push(entry);
  }

  /** What no ticket has carried yet; the caller opens one. */
  takeUnhanded(): Entry[] {
    const taken = this.#unhanded;
    if (taken.length > 0) this.#unhanded = [];
    return taken;
  }

  /** These repairs are durable, unless their places were truncated meanwhile. */
  repaired(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.#fetched.get(entry.index) !== entry) continue;
      this.#fetched.delete(entry.index);
      this.#isDamaged.delete(entry.index);
    }
    this.#damaged = this.#damaged.filter((index) => this.isDamaged(index));
  }

  truncateFrom(index: LogIndex): void {
    if (this.#damaged.length === 0) return;
    this.#forget((damaged) => damaged >= index);
  }

  /** Entries up to `edge` are in the state machine and not needed any more. */
  compactTo(edge: LogIndex): void {
    if (this.#damaged.length === 0) return;
    this.#forget((damaged) => damaged <= edge);
  }

  /** The leader has heard of the loss: its log ended at `index` then. */
  leaderHasHeard(index: LogIndex): void {
    this.#leaderKnows = true;
    if (this.#isRecovering && this.#recoverUntil === 0) this.#recoverUntil = index;
  }

  /**
   * Whatever this replica once acknowledged was at or below the leader's last index when the leader
   * dropped those acknowledgements; once that is committed and durable here nothing is missing.
   */
  maybeRecovered(held: LogIndex): boolean {
    if (!this.#isRecovering || this.#recoverUntil === 0 || held < this.#recoverUntil) return false;
    this.#isRecovering = false;
    return true;
  }

  /** The leader changed: its answer to the loss is still to come. */
  forgetLeader(): void {
    this.#leaderKnows = false;
    this.#recoverUntil = 0;
  }

  #forget(isGone: (index: LogIndex) => boolean): void {
    for (const index of this.#damaged) if (isGone(index)) this.#isDamaged.delete(index);
    this.#damaged = this.#damaged.filter((index) => this.isDamaged(index));
    this.#unhanded = this.#unhanded.filter((entry) => !isGone(entry.index));
    for (const index of [...this.#fetched.keys()]) if (isGone(index)) this.#fetched.delete(index);
  }
}
