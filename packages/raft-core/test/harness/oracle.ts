import {
  type ConfState,
  type Drop,
  type Entry,
  type ReplicaId,
  StateType,
  type Status,
} from '../../src/index.js';
import { isQuorum, Violation } from '../../src/testing/index.js';
import type { SimDisk } from './sim-disk.js';

function check(condition: boolean, property: string, detail: () => string): void {
  if (!condition) throw new Violation(property, detail());
}

const identity = (e: Entry): string => `${e.term}:${e.data.join(',')}`;

interface Proposal {
  readonly host: object;
  readonly term: number;
  readonly index: number;
  open: boolean;
}

/** Knows everything that happens in a simulated group and objects to what Raft forbids. */
export class Oracle {
  readonly counts = {
    elections: 0,
    committed: 0,
    reads: 0,
    readDrops: 0,
    proposalDrops: 0,
    truncations: 0,
    confChanges: 0,
    jointConfs: 0,
    installs: 0,
    ownSnapshots: 0,
    repairs: 0,
    recovered: 0,
    denied: 0,
    leaseReads: 0,
    removedLeaders: 0,
  };
  readonly #leaders = new Map<number, ReplicaId>();
  /** (index, term) -> identity of the entry and term of the one before it. */
  readonly #entries = new Map<string, string>();
  /** What was committed at each index, by whoever knew first. */
  readonly #committed: Entry[] = [];
  /** A term that is at or above the one in which each index was committed. */
  readonly #commitTerms: number[] = [];
  readonly #proposals = new Map<number, Proposal[]>();
  readonly #confs = new Map<number, string>();
  /** By life of a replica and ticket: the highest index committed when the read was asked. */
  readonly #reads = new Map<object, Map<number, number>>();

  /** Highest index that any replica ever knew as committed. */
  get commit(): number {
    return this.#committed.length;
  }

  /** A term that is at or above the one in which `index` was committed. */
  commitTerm(index: number): number {
    return this.#commitTerms[index - 1] ?? 0;
  }

  /** The entry that stands at the beginning of every log. */
  genesis(e: Entry): void {
    this.#committed.push(e);
    this.#commitTerms.push(e.term);
  }

  /** The log that everybody has up to `index`. */
  prefix(index: number): Entry[] {
    return this.#committed.slice(0, index);
  }

  /** A configuration took effect at one replica: with the same entry the same one everywhere. */
  configured(index: number, conf: ConfState): void {
    const text = JSON.stringify(conf);
    const known = this.#confs.get(index);
    check(known === undefined || known === text, 'one configuration an entry', () => {
      return `${index}: ${known} and ${text}`;
    });
    if (known !== undefined) return;
    this.#confs.set(index, text);
    this.counts.confChanges++;
    if (conf.votersOutgoing.length > 0) this.counts.jointConfs++;
  }

  /** A lease read was served at `index`. */
  leaseRead(id: ReplicaId, index: number): void {
    this.counts.leaseReads++;
    check(index >= this.commit, 'lease read linearizability', () => {
      return `${id} served ${index} when ${this.commit} was committed`;
    });
  }

  /** Log Matching, entry by entry: it holds for all logs if it holds for each pair of neighbours. */
  appended(model: readonly Entry[], entries: readonly Entry[]): void {
    for (const e of entries) {
      const key = `${e.index}/${e.term}`;
      const value = `${model[e.index - 2]?.term ?? 0}|${identity(e)}`;
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, value);
      else check(known === value, 'log matching', () => `${key}: ${known} and ${value}`);
    }
  }

  /** A replica leads: nobody else in this term, and with everything that is committed. */
  leads(id: ReplicaId, term: number, model: readonly Entry[]): void {
    const other = this.#leaders.get(term);
    check(
      other === undefined || other === id,
      'election safety',
      () => `${id}, ${other} in ${term}`,
    );
    if (other === id) return;
    this.counts.elections++;
    this.#leaders.set(term, id);
    for (const e of this.#committed) {
      if ((this.#commitTerms[e.index - 1] ?? 0) >= term) continue;
      const own = model[e.index - 1];
      check(own !== undefined && own.term === e.term, 'leader completeness', () => {
        return `leader ${id} of term ${term} lacks ${e.term}/${e.index}`;
      });
    }
  }

  /** A replica knows `commit`: the entries are durable on a quorum, for ever. */
  commits(status: Status, model: readonly Entry[], disks: readonly SimDisk[]): void {
    for (let index = this.#committed.length + 1; index <= status.commit; index++) {
      const e = model[index - 1];
      if (e === undefined) throw new Violation('commit in log', `${status.id} at ${index}`);
      const holders = disks.filter((d) => d.holds(index, e.term));
      const ids = new Set(holders.map((d) => d.id));
      check(isQuorum(status.confState, ids), 'committed never lost', () => {
        return `${e.term}/${index} committed by ${status.id}, durable on ${[...ids].join()}`;
      });
      this.#committed.push(e);
      this.#commitTerms.push(status.term);
      this.counts.committed++;
    }
  }

  /** A replica's disk changes: what is committed and was there stays there. */
  overwrites(id: ReplicaId, before: readonly Entry[], entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined || before.length < first.index) return;
    this.counts.truncations++;
    for (let index = first.index; index <= Math.min(this.commit, before.length); index++) {
      const committed = this.#committed[index - 1];
      const had = before[index - 1]?.term === committed?.term;
      const keeps = entries[index - first.index]?.term === committed?.term;
      check(!had || keeps, 'committed never lost', () => `${id} truncated committed ${index}`);
    }
  }

  /** State machine safety. */
  applied(id: ReplicaId, e: Entry): void {
    const committed = this.#committed[e.index - 1];
    check(committed !== undefined, 'state machine safety', () => `${id} applied ${e.index} early`);
    check(
      committed !== undefined && identity(committed) === identity(e),
      'state machine safety',
      () => {
        return `${id} applied ${identity(e)} at ${e.index}`;
      },
    );
  }

  decided(host: object, e: Entry): void {
    for (const p of this.#proposals.get(e.index) ?? []) if (p.host === host) p.open = false;
  }

  proposed(host: object, term: number, index: number): void {
    const at = this.#proposals.get(index) ?? [];
    this.#proposals.set(index, at);
    at.push({ host, term, index, open: true });
  }

  readAsked(host: object, ticket: number): void {
    const reads = this.#reads.get(host) ?? new Map<number, number>();
    this.#reads.set(host, reads);
    check(!reads.has(ticket), 'one outcome a read', () => `ticket ${ticket} given twice`);
    reads.set(ticket, this.commit);
  }

  readDone(host: object, ticket: number, index: number): void {
    const floor = this.#endRead(host, ticket);
    this.counts.reads++;
    check(index >= floor, 'read linearizability', () => `index ${index} < ${floor}`);
  }

  dropped(host: object, drop: Drop): void {
    if (drop.kind === 'read') {
      this.counts.readDrops++;
      this.#endRead(host, drop.ticket);
      return;
    }
    this.counts.proposalDrops++;
    for (let index = drop.first; index <= drop.last; index++) {
      for (const p of this.#proposals.get(index) ?? []) {
        if (p.host === host && p.term === drop.term) p.open = false;
      }
    }
  }

  /** A host crashed: nobody waits for its outcomes any more. */
  forget(host: object): void {
    this.#reads.delete(host);
    for (const at of this.#proposals.values()) {
      for (const p of at) if (p.host === host) p.open = false;
    }
  }

  /** After everything has settled each proposal and each read has ended. */
  finish(): void {
    for (const at of this.#proposals.values()) {
      for (const p of at) {
        check(!p.open, 'every proposal ends', () => `${p.term}/${p.index} is open`);
      }
    }
    for (const reads of this.#reads.values()) {
      check(reads.size === 0, 'every read ends', () => `tickets ${[...reads.keys()].join()} open`);
    }
  }

  #endRead(host: object, ticket: number): number {
    const floor = this.#reads.get(host)?.get(ticket);
    if (floor === undefined) throw new Violation('one outcome a read', `ticket ${ticket} again`);
    this.#reads.get(host)?.delete(ticket);
    return floor;
  }
}

export const isLeader = (status: Status): boolean => status.role === StateType.StateLeader;
