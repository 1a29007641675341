import { type Drop, type Entry, EntryType, type LogIndex, type Term } from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import type { CommittedLog } from './committed-log.js';

/** What one life of a replica owes those who asked it. */
export interface Life {
  /** Proposals by their index: the term in which each was accepted. */
  readonly proposals: Map<LogIndex, Term>;
  /** Reads by their ticket: what was decided when each was asked, and the terms until then. */
  readonly reads: Map<number, { readonly floor: LogIndex; readonly term: Term }>;
  /** Reads that were answered. */
  answered: number;
}

export const newLife = (): Life => ({ proposals: new Map(), reads: new Map(), answered: 0 });

/** Every proposal and every read ends once, values come from those who proposed them, reads are fresh. */
export class Outcomes {
  readonly #committed: CommittedLog;
  /** Where each value was proposed; each is proposed once. */
  readonly #values = new Map<number, { readonly index: LogIndex; readonly term: Term }>();
  #nextValue = 1;

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  /** A value that nobody has proposed yet. */
  nextValue(): number {
    return this.#nextValue++;
  }

  proposed(life: Life, value: number, index: LogIndex, term: Term): void {
    this.changeProposed(life, index, term);
    this.#values.set(value, { index, term });
  }

  /** Of a configuration change or another entry without a value. */
  changeProposed(life: Life, index: LogIndex, term: Term): void {
    if (life.proposals.has(index)) {
      throw new Violation('one-outcome-a-proposal', `${index} was given away twice`);
    }
    life.proposals.set(index, term);
  }

  /** No phantom, no value at two places. */
  decided({ index, term, type, data }: Entry): void {
    if (type !== EntryType.EntryNormal || data.length === 0) return;
    const place = this.#values.get(valueIn(data));
    if (place?.index === index && place.term === term) return;
    throw new Violation('value-provenance', `${valueIn(data)} was decided at ${term}/${index}`);
  }

  /** A committed entry was handed to a life: what it proposed there has its outcome. */
  handedOut(life: Life, { index }: Entry): void {
    life.proposals.delete(index);
  }

  readAsked(life: Life, ticket: number, term: Term): void {
    if (life.reads.has(ticket)) throw new Violation('one-outcome-a-read', `${ticket} given twice`);
    life.reads.set(ticket, { floor: this.#committed.last, term });
  }

  /** A read was answered; true if another term has begun since it was asked. */
  readDone(life: Life, ticket: number, index: LogIndex, term: Term): boolean {
    const asked = this.#endRead(life, ticket);
    life.answered++;
    if (index < asked.floor) {
      throw new Violation('read-fresh', `answered at ${index}, ${asked.floor} was decided before`);
    }
    return term > asked.term;
  }

  leaseRead(id: number, index: LogIndex): void {
    if (index >= this.#committed.last) return;
    throw new Violation(
      'lease-read-fresh',
      `${id} answered at ${index} when ${this.#committed.last} was decided`,
    );
  }

  dropped(life: Life, drop: Drop): void {
    if (drop.kind === 'read') {
      this.#endRead(life, drop.ticket);
      return;
    }
    for (let index = drop.first; index <= drop.last; index++) {
      if (life.proposals.get(index) === drop.term) life.proposals.delete(index);
    }
  }

  /** After everything has settled nobody waits any more. */
  finish(id: number, life: Life): void {
    if (life.proposals.size > 0) {
      throw new Violation('every-proposal-ends', `${id}: ${[...life.proposals.keys()].join()}`);
    }
    if (life.reads.size > 0) {
      throw new Violation('every-read-ends', `${id}: ${[...life.reads.keys()].join()}`);
    }
  }

  #endRead(life: Life, ticket: number): { readonly floor: LogIndex; readonly term: Term } {
    const asked = life.reads.get(ticket);
    if (asked === undefined) throw new Violation('one-outcome-a-read', `${ticket} ended twice`);
    life.reads.delete(ticket);
    return asked;
  }
}

/** Bytes that carry a value in their first four. */
export function bytesOf(value: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(4, sizeBytes));
  for (let i = 0; i < 4; i++) bytes[i] = value >>> (8 * i);
  return bytes;
}

const valueIn = (data: Uint8Array): number =>
  ((data[0] ?? 0) | ((data[1] ?? 0) << 8) | ((data[2] ?? 0) << 16) | ((data[3] ?? 0) << 24)) >>> 0;
