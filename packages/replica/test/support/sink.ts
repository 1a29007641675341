import type { AnswerSink, ReadMark } from '@dougdb/replica';
import type { DougError, LookedWrite } from '@dougdb/rpc-proto';
import { textOf } from './commands.js';

export type Answer =
  | { readonly kind: 'written'; readonly revision: number }
  | { readonly kind: 'looked'; readonly write: LookedWrite }
  | {
      readonly kind: 'found';
      readonly value: string;
      readonly revision: number;
      readonly expiresAt: number;
      readonly mark: ReadMark;
    }
  | { readonly kind: 'absent'; readonly mark: ReadMark }
  | { readonly kind: 'failed'; readonly error: DougError };

/** Remembers every answer and complains about a second one. */
export class RecordingSink implements AnswerSink {
  readonly answers = new Map<number, Answer>();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  /** A fresh id. */
  id(): number {
    return this.#nextId++;
  }

  /** The answer of an id, now or later. */
  answer(id: number): Promise<Answer> {
    const known = this.answers.get(id);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  written(id: number, revision: number): void {
    this.#tell(id, { kind: 'written', revision });
  }

  looked(id: number, write: LookedWrite): void {
    this.#tell(id, { kind: 'looked', write });
  }

  found(id: number, value: Uint8Array, revision: number, expiresAt: number, mark: ReadMark): void {
    this.#tell(id, { kind: 'found', value: textOf(value), revision, expiresAt, mark });
  }

  absent(id: number, mark: ReadMark): void {
    this.#tell(id, { kind: 'absent', mark });
  }

  failed(id: number, error: DougError): void {
    this.#tell(id, { kind: 'failed', error });
  }

  #tell(id: number, answer: Answer): void {
    if (this.answers.has(id)) throw new Error(`id ${id} is answered twice`);
    this.answers.set(id, answer);
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}

/**
 * 'written 3', 'found v 2', 'absent', 'NOT_LEADER NOT_APPLIED', 'done 4 was v 3' or 'refused 4 was nothing'
 * for a write that looked: short enough for expectations.
 */
export function brief(answer: Answer): string {
  switch (answer.kind) {
    case 'written':
      return `written ${answer.revision}`;
    case 'looked':
      return briefLook(answer.write);
    case 'found':
      return `found ${answer.value} ${answer.revision}`;
    case 'absent':
      return 'absent';
    case 'failed':
      return `${answer.error.reason} ${answer.error.outcome}`;
  }
}

/** See brief(). */
export function briefLook(write: LookedWrite): string {
  const { compareFailed, revision, previousRevision, previousValue, resultNotKept } = write;
  const outcome = `${compareFailed ? 'refused' : 'done'} ${revision}`;
  if (resultNotKept) return `${outcome} not kept`;
  const value = previousValue === null ? '' : `${textOf(previousValue)} `;
  return `${outcome} was ${previousRevision === 0 ? 'nothing' : `${value}${previousRevision}`}`;
}
