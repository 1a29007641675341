import type { AnswerSink, Consistency, Replica } from '@dougdb/replica';
import type { DougError, LookedWrite, ResponseHeader } from '@dougdb/rpc-proto';
import type { ClusterView } from '../handlers/cluster-view.js';
import { wireConsistency } from '../handlers/consistency.js';

/** Where a pipe gathers the answers of all its partitions. */
export interface PipeAnswers {
  written(id: number, header: ResponseHeader, revision: number): void;
  looked(id: number, header: ResponseHeader, write: LookedWrite): void;
  found(id: number, header: ResponseHeader, value: Uint8Array, revision: number): void;
  absent(id: number, header: ResponseHeader): void;
  failed(id: number, header: ResponseHeader, error: DougError): void;
}

/**
 * Takes the answers of one partition for one pipe and adds the header of the partition: one header
 * object a turn, which the message holds once for all rows that name it.
 */
export class PartitionSink implements AnswerSink {
  readonly served: Consistency;
  readonly #answers: PipeAnswers;
  readonly #view: ClusterView;
  readonly #replica: Replica;
  #header: ResponseHeader | null = null;

  constructor(answers: PipeAnswers, view: ClusterView, replica: Replica, served: Consistency) {
    this.#answers = answers;
    this.#view = view;
    this.#replica = replica;
    this.served = served;
  }

  written(id: number, revision: number): void {
    this.#answers.written(id, this.#current(), revision);
  }

  looked(id: number, write: LookedWrite): void {
    this.#answers.looked(id, this.#current(), write);
  }

  found(id: number, value: Uint8Array, revision: number): void {
    this.#answers.found(id, this.#current(), value, revision);
  }

  absent(id: number): void {
    this.#answers.absent(id, this.#current());
  }

  failed(id: number, error: DougError): void {
    this.#answers.failed(id, this.#current(), error);
  }

  /** The message has left: the next one gets a header of its own. */
  turnEnded(): void {
    this.#header = null;
  }

  #current(): ResponseHeader {
    this.#header ??= this.#view.header(this.#replica, wireConsistency(this.served));
    return this.#header;
  }
}
