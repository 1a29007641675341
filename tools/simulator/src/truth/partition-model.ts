import { LOG_TIME_PER_MS } from '@dougdb/replica';
import type { Command, DeleteOperation, OpId, PutOperation } from '@dougdb/rpc-proto';
import { Violation } from '../violation.js';
import type { Answer } from './answer.js';
import type { ReadEntry } from './entry-reader.js';
import { KeyVersions, type Version } from './key-versions.js';
import { type Effect, Overlay, TooManyKeys } from './overlay.js';
import { SessionModel } from './session-model.js';
import { textOf } from './text.js';
import { carryOutTxn } from './txn-model.js';

const MAX_KEYS = 1024;

/** A change of one key, as a watch is to tell it. */
export interface Change {
  readonly key: string;
  readonly revision: number;
  /** Null: it was removed. */
  readonly value: string | null;
  readonly previous: Version | null;
}

/** An op as the log holds it, and what came of it. */
export interface LoggedOp {
  readonly opId: OpId | null;
  readonly answer: Answer;
  /** It had come before. */
  readonly isDuplicate: boolean;
}

type Decision = Omit<Answer, 'index' | 'revision' | 'changed' | 'outcome'> & {
  readonly effects: readonly Effect[];
};

/**
 * What a partition is after each entry of its log, by the rules of the data model written down once more: with
 * nothing of a database, of slices, of memory or of time but the log's.
 */
export class PartitionModel {
  readonly versions = new KeyVersions();
  /** By revision, from 1; the keys of one in their order. */
  readonly changes: (readonly Change[])[] = [[]];
  revision = 0;
  logTime = 0;
  /** Nobody is told what was below it. */
  historyFloor = 0;
  /** Keys that went by their time. */
  expired = 0;
  /** Times that the floor moved. */
  compactions = 0;
  readonly #sessions = new SessionModel<Answer>();

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Applies an entry; null: it begins a term. Answers what became of its commands. */
  apply(index: number, entry: ReadEntry | null): LoggedOp[] {
    if (entry !== null) {
      if (entry.logTime <= this.logTime) {
        throw new Violation('log-time-monotonic', `${entry.logTime} after ${this.logTime}`);
      }
      this.logTime = entry.logTime;
    }
    const logged = (entry?.commands ?? []).map((command) => this.#command(index, command));
    this.#sessions.endEntry(index, this.logTime);
    return logged;
  }

  #command(index: number, command: Command): LoggedOp {
    const { opId = null } = command;
    if (opId === null) return { opId, answer: this.#carryOut(index, command), isDuplicate: false };
    const standing = this.#sessions.begin(opId, this.logTime);
    if (standing.kind === 'duplicate') return { opId, answer: standing.answer, isDuplicate: true };
    if (standing.kind !== 'apply') {
      const refused = { outcome: standing.kind, revision: 0, changed: false, compareFailed: false };
      return { opId, answer: { ...refused, index }, isDuplicate: false };
    }
    const answer = this.#carryOut(index, command);
    // What is refused for its size is not an outcome of the op.
    if (answer.outcome === 'applied') this.#sessions.record(opId, answer);
    return { opId, answer, isDuplicate: false };
  }

  #carryOut(index: number, command: Command): Answer {
    let decision: Decision;
    try {
      decision = this.#decide(command);
    } catch (error) {
      if (!(error instanceof TooManyKeys)) throw error;
      const refused = { outcome: 'too-many-keys', revision: 0, changed: false } as const;
      return { ...refused, index, compareFailed: false };
    }
    const { effects, ...told } = decision;
    const changed = effects.length > 0;
    if (changed) this.#takeEffect(effects);
    return { outcome: 'applied', index, revision: this.revision, changed, ...told };
  }

  #decide({ operation }: Command): Decision {
    switch (operation?.$case) {
      case 'put':
        return this.#put(operation.value);
      case 'delete':
        return this.#delete(operation.value);
      case 'txn': {
        const overlay = this.#overlay();
        const { succeeded, steps } = carryOutTxn(operation.value, overlay, this.logTime);
        return { effects: overlay.effects(), compareFailed: !succeeded, steps };
      }
      case 'deleteRange': {
        const { start, end, limit } = operation.value;
        const all = this.#overlay().range(textOf(start), textOf(end));
        const pairs = all.slice(0, limit === 0 ? MAX_KEYS : Math.min(limit, MAX_KEYS));
        const effects = pairs.map(({ key }) => ({ key, value: null, expiresAt: 0 }));
        const resumeKey = all[pairs.length]?.key ?? null;
        return { effects, compareFailed: false, deleted: pairs.length, resumeKey };
      }
      case 'expire': {
        const effects = operation.value.keys.flatMap(({ key, revision }) =>
          this.#expire(textOf(key), revision),
        );
        this.expired += effects.length;
        return { effects, compareFailed: false };
      }
      case 'compact':
        this.compactions++;
        this.historyFloor = Math.max(
          this.historyFloor,
          Math.min(operation.value.revision, this.revision),
        );
        return { effects: [], compareFailed: false };
      case undefined:
        throw new Violation('known-fields', 'a command without an operation');
    }
  }

  #put({ key: bytes, value, ifRevision, ifAbsent, returnPrevious, ttlMs }: PutOperation): Decision {
    const key = textOf(bytes);
    const expiresAt = ttlMs === 0 ? 0 : this.logTime + ttlMs * LOG_TIME_PER_MS;
    const effects = [{ key, value: textOf(value), expiresAt }];
    if (ifRevision === 0 && !ifAbsent && !returnPrevious) return { effects, compareFailed: false };
    const previous = this.#overlay().get(key);
    const isMet = ifAbsent
      ? previous === null
      : ifRevision === 0 || previous?.revision === ifRevision;
    return { effects: isMet ? effects : [], compareFailed: !isMet, previous };
  }

  #delete({ key: bytes, ifRevision, returnPrevious, returnExisted }: DeleteOperation): Decision {
    const key = textOf(bytes);
    const effects = [{ key, value: null, expiresAt: 0 }];
    // A blind delete is a change whatever was there.
    if (ifRevision === 0 && !returnPrevious && !returnExisted) {
      return { effects, compareFailed: false };
    }
    const previous = this.#overlay().get(key);
    const isMet = ifRevision === 0 || previous?.revision === ifRevision;
    const changes = isMet && previous !== null;
    return { effects: changes ? effects : [], compareFailed: !isMet, previous };
  }

  #expire(key: string, revision: number): Effect[] {
    const version = this.versions.at(key, this.revision);
    if (version === null || version.revision !== revision) return [];
    // Only the log's time counts, whatever the leader's clock said when it proposed this.
    const isOver = version.expiresAt > 0 && version.expiresAt <= this.logTime;
    return isOver ? [{ key, value: null, expiresAt: 0 }] : [];
  }

  #takeEffect(effects: readonly Effect[]): void {
    const before = this.revision;
    this.revision++;
    const { revision } = this;
    const sorted = [...effects].sort((a, b) => (a.key < b.key ? -1 : 1));
    this.changes.push(
      sorted.map(({ key, value }) => {
        return { key, revision, value, previous: this.versions.at(key, before) };
      }),
    );
    for (const { key, value, expiresAt } of sorted) {
      this.versions.add(key, { revision, value, expiresAt });
    }
  }

  #overlay(): Overlay {
    return new Overlay(this.versions, this.revision);
  }
}
