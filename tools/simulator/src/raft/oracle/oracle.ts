import {
  type ConfState,
  type Entry,
  EntryType,
  type LogIndex,
  type Message,
  type ReplicaId,
  type Term,
} from '@dougdb/raft-core';
import { isQuorum, type LogView, Violation } from '@dougdb/raft-core/testing';
import { CommittedLog, isSameEntry } from './committed-log.js';
import type { LogMirror } from './log-mirror.js';
import { Outcomes } from './outcomes.js';

interface KnownEntry {
  readonly entry: Entry;
  readonly previousTerm: Term;
}

/** A disk, as far as the oracle looks at it. */
export interface Holder {
  readonly id: ReplicaId;
  /**
   * Whether the entry is durable there, or was when the leader of term `countedIn` was told so and it
   * has not heard of the loss since.
   */
  holds(index: LogIndex, term: Term, countedIn: Term): boolean;
  /** The leader of `term` has heard of the loss that the life named by `token` announced. */
  lossHeard(token: number, term: Term): void;
}

/** Knows everything that happens in a simulated group and objects at once to what must not be. */
export class Oracle {
  readonly committed = new CommittedLog();
  readonly outcomes = new Outcomes(this.committed);
  readonly #leaders = new Map<Term, ReplicaId>();
  /** Last index that the leader of a term has appended in it. */
  readonly #ends = new Map<Term, LogIndex>();
  /** By index, one for each term. */
  readonly #known: KnownEntry[][] = [];
  /** By voter: the newest term it voted in, and for whom. */
  readonly #votes = new Map<ReplicaId, { readonly term: Term; readonly vote: ReplicaId }>();
  readonly #confs: { readonly index: LogIndex; readonly text: string; readonly conf: ConfState }[] =
    [];

  /** The entry and the configuration with which every log begins. */
  constructor(genesis: Entry, conf: ConfState) {
    this.committed.push(genesis, genesis.term);
    this.#known[genesis.index] = [{ entry: genesis, previousTerm: 0 }];
    this.#confs.push({ index: genesis.index, text: JSON.stringify(conf), conf });
  }

  get terms(): number {
    return this.#leaders.size;
  }

  /** The newest configuration that took effect anywhere. */
  get conf(): ConfState {
    const newest = this.#confs[this.#confs.length - 1];
    if (newest === undefined) throw new Violation('conf-known', 'there is no configuration');
    return newest.conf;
  }

  /** The configuration that belongs to the state at `index`. */
  confAt(index: LogIndex): ConfState {
    let at = this.#confs.length - 1;
    while (at > 0 && (this.#confs[at]?.index ?? 0) > index) at--;
    return this.#confs[at]?.conf ?? this.conf;
  }

  /** Entries come into the log of `id`, a leader's or not; `log` holds them already. */
  appended(id: ReplicaId, log: LogMirror, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { index, term } = entry;
      const at = this.#known[index] ?? [];
      this.#known[index] = at;
      const previousTerm = log.termAt(index - 1);
      const known = at.find((k) => k.entry.term === term);
      // Log matching: if it holds for each pair of neighbours it holds for whole logs.
      if (known === undefined) at.push({ entry, previousTerm });
      else if (known.previousTerm !== previousTerm || !isSameEntry(known.entry, entry)) {
        throw new Violation('log-matching', `${id} has another ${term}/${index}`);
      }
      this.#appendedInTerm(id, entry);
      if (entry.type !== EntryType.EntryNormal) this.#oneChange(id, log);
    }
  }

  /** A leader has the longest log of its own term (the model's ElectionSafetyInv). */
  #appendedInTerm(id: ReplicaId, { index, term }: Entry): void {
    const leader = this.#leaders.get(term);
    if (leader === id) this.#ends.set(term, Math.max(index, this.#ends.get(term) ?? 0));
    else if (leader === undefined || index > (this.#ends.get(term) ?? 0)) {
      throw new Violation('leader-made-it', `${id} got ${term}/${index}, made by nobody`);
    }
  }

  /** At most one change of the configuration is neither decided nor gone. */
  #oneChange(id: ReplicaId, log: LogMirror): void {
    let changes = 0;
    for (let index = this.committed.last + 1; index <= log.last; index++) {
      if (log.at(index)?.type !== EntryType.EntryNormal) changes++;
    }
    if (changes > 1) throw new Violation('one-conf-change', `${id} has ${changes} undecided`);
  }

  /** A replica leads: nobody else in this term, and with everything that was committed before. */
  leads(id: ReplicaId, term: Term, log: LogView): boolean {
    const other = this.#leaders.get(term);
    if (other === id) return false;
    if (other !== undefined) throw new Violation('election-safety', `${id}, ${other} in ${term}`);
    this.#leaders.set(term, id);
    for (let index = this.committed.last; index > 0; index--) {
      if (this.committed.knownIn(index) >= term) continue;
      if (log.termAt(index) === this.committed.termAt(index)) break;
      throw new Violation('leader-completeness', `${id} in term ${term} lacks ${index}`);
    }
    return true;
  }

  /** A replica knows that everything up to `commit` is decided; what is new lies on a quorum's disks. */
  commits(
    id: ReplicaId,
    known: { readonly from: LogIndex; readonly commit: LogIndex; readonly term: Term },
    { log, conf, holders }: { log: LogMirror; conf: ConfState; holders: readonly Holder[] },
  ): number {
    const { committed } = this;
    const before = committed.last;
    for (let index = known.from + 1; index <= known.commit; index++) {
      const entry = log.at(index);
      if (entry === undefined) throw new Violation('commit-in-log', `${id} at ${index}`);
      const decided = committed.at(index);
      if (decided !== undefined) {
        if (isSameEntry(decided, entry)) continue;
        throw new Violation('committed-kept', `${id} decided otherwise at ${index}`);
      }
      const holding = new Set<ReplicaId>();
      for (const holder of holders)
        if (holder.holds(index, entry.term, known.term)) holding.add(holder.id);
      if (!isQuorum(conf, holding)) {
        throw new Violation(
          'commit-durable',
          `${id} decided ${entry.term}/${index}, durable on ${[...holding].join()} of ${conf.voters.join()}`,
        );
      }
      committed.push(entry, known.term);
      this.outcomes.decided(entry);
    }
    return committed.last - before;
  }

  /** A disk is about to change; what is decided and is there stays there. */
  overwrites(id: ReplicaId, disk: LogView, first: LogIndex, entries: readonly Entry[]): void {
    const until = Math.min(this.committed.last, disk.last);
    for (let index = first; index <= until; index++) {
      const term = this.committed.termAt(index);
      if (disk.termAt(index) !== term || entries[index - first]?.term === term) continue;
      throw new Violation('committed-kept', `the disk of ${id} loses ${term}/${index}`);
    }
  }

  /** A replica's state after applying `index`. */
  applied(id: ReplicaId, index: LogIndex, hash: number): void {
    if (this.committed.hashAt(index) === hash) return;
    throw new Violation('state-machine-safety', `${id} has another state at ${index}`);
  }

  /** A configuration took effect: with the same entry the same one everywhere, one step from the last. */
  configured(index: LogIndex, conf: ConfState): boolean {
    const text = JSON.stringify(conf);
    const known = this.#confs.find((c) => c.index === index);
    if (known !== undefined) {
      if (known.text === text) return false;
      throw new Violation('one-conf-an-entry', `${index}: ${known.text} and ${text}`);
    }
    const before = this.conf;
    if (!isOneStep(before, conf)) {
      throw new Violation('conf-step', `${index}: ${JSON.stringify(before)} to ${text}`);
    }
    this.#confs.push({ index, text, conf });
    return true;
  }

  /** A vote leaves; whatever happened to the voter meanwhile, it is the only one of its term. */
  votes(m: Message): void {
    const before = this.#votes.get(m.from);
    if (
      before !== undefined &&
      (before.term > m.term || (before.term === m.term && before.vote !== m.to))
    ) {
      throw new Violation(
        'one-vote-a-term',
        `${m.from} for ${m.to} in ${m.term}, after ${before.vote} in ${before.term}`,
      );
    }
    this.#votes.set(m.from, { term: m.term, vote: m.to });
  }
}

/** Any quorum of the one configuration meets any quorum of the other (dissertation 4.1, 4.3). */
function isOneStep(a: ConfState, b: ConfState): boolean {
  const isSame = (x: readonly ReplicaId[], y: readonly ReplicaId[]): boolean =>
    x.length === y.length && x.every((id) => y.includes(id));
  const entersJoint = a.votersOutgoing.length === 0 && b.votersOutgoing.length > 0;
  if (entersJoint) return isSame(a.voters, b.votersOutgoing);
  if (a.votersOutgoing.length > 0) {
    return b.votersOutgoing.length === 0 && isSame(a.voters, b.voters);
  }
  const gone = a.voters.filter((id) => !b.voters.includes(id)).length;
  const come = b.voters.filter((id) => !a.voters.includes(id)).length;
  return gone + come <= 1;
}
