import type { AnswerSink, ReadMark, Replica } from '@dougdb/replica';
import type { Consistency, DougError, LookedWrite, ResponseHeader } from '@dougdb/rpc-proto';
import type { ClusterView } from '../handlers/cluster-view.js';
import { linearizableMark } from '../handlers/consistency.js';

/** Where a pipe gathers the answers of all its partitions. */
export interface PipeAnswers {
  written(id: number, header: ResponseHeader, revision: number): void;
  looked(id: number, header: ResponseHeader, write: LookedWrite): void;
  found(
    id: number,
    header: ResponseHeader,
    value: Uint8Array,
    revision: number,
    expiresAt: number,
  ): void;
  absent(id: number, header: ResponseHeader): void;
  failed(id: number, header: ResponseHeader, error: DougError): void;
}

/**
 * Takes the answers of one partition for one pipe and adds the header of the partition: one header
 * object a turn and level, which the message holds once for all rows that name it.
 */
export class PartitionSink implements AnswerSink {
  readonly #answers: PipeAnswers;
  readonly #view: ClusterView;
  readonly #replica: Replica;
  /** Of this turn. */
  readonly #headers = new Map<Consistency, ResponseHeader>();

  constructor(answers: PipeAnswers, view: ClusterView, replica: Replica) {
    this.#answers = answers;
    this.#view = view;
    this.#replica = replica;
  }

  written(id: number, revision: number): void {
    this.#answers.written(id, this.#header(linearizableMark), revision);
  }

  looked(id: number, write: LookedWrite): void {
    this.#answers.looked(id, this.#header(linearizableMark), write);
  }

  found(id: number, value: Uint8Array, revision: number, expiresAt: number, mark: ReadMark): void {
    this.#answers.found(id, this.#header(mark), value, revision, expiresAt);
  }

  absent(id: number, mark: ReadMark): void {
    this.#answers.absent(id, this.#header(mark));
  }

  failed(id: number, error: DougError): void {
    this.#answers.failed(id, this.#header(linearizableMark), error);
  }

  /** The message has left: the next one gets a header of its own. */
  turnEnded(): void {
    this.#headers.clear();
  }

  #header(mark: ReadMark): ResponseHeader {
    const known = this.#headers.get(mark.served);
    // One of a bounded read is good for another whose state was fresher, not for one that is older.
    if (known !== undefined && mark.ageMs <= known.ageMs) return known;
    const header = this.#view.header(this.#replica, mark);
    this.#headers.set(mark.served, header);
    return header;
  }
}
