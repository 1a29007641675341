import type { Entry, LogIndex, Term } from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';

const { imul } = Math;

/** What the group has decided, as found out by whoever knew first. It only grows. */
export class CommittedLog {
  readonly #entries: Entry[] = [];
  readonly #knownIn: Term[] = [];
  /** Hash of everything up to an index: the state that a replica has to have there. */
  readonly #hashes: number[] = [0];

  get last(): LogIndex {
    return this.#entries.length;
  }

  at(index: LogIndex): Entry | undefined {
    return this.#entries[index - 1];
  }

  /** 0 at 0; -1 above the end. */
  termAt(index: LogIndex): Term {
    return index === 0 ? 0 : (this.#entries[index - 1]?.term ?? -1);
  }

  /** A term at or above the one in which `index` was committed; 0 where nothing is. */
  readonly knownIn = (index: LogIndex): Term => this.#knownIn[index - 1] ?? 0;

  hashAt(index: LogIndex): number {
    return this.#hashes[index] ?? -1;
  }

  push(entry: Entry, knownIn: Term): void {
    if (entry.index !== this.last + 1) {
      throw new Violation('committed-in-order', `${entry.index} after ${this.last}`);
    }
    this.#entries.push(entry);
    this.#knownIn.push(knownIn);
    this.#hashes.push(stateAfter(this.hashAt(entry.index - 1), entry));
  }
}

/** The hash of a state after one more entry. */
export function stateAfter(hash: number, { term, index, type, data }: Entry): number {
  let next = mix(mix(mix(hash, term), index), type);
  for (let i = 0; i < data.length && i < 16; i++) next = mix(next, data[i] ?? 0);
  return next;
}

/** Same input, same hash, on every platform. */
export function mix(hash: number, value: number): number {
  let next = imul(hash ^ (value | 0), 0x01000193) ^ imul((value / 0x100000000) | 0, 0x85ebca6b);
  next = imul(next ^ (next >>> 15), 0x2c1b3c6d);
  return (next ^ (next >>> 13)) >>> 0;
}

/** Whether two entries say the same; mostly they are one object. */
export function isSameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.term !== b.term || a.index !== b.index || a.type !== b.type) return false;
  return a.data.length === b.data.length && a.data.every((byte, i) => byte === b.data[i]);
}
