import type { Config } from './config.js';
import type { ProposalData } from './entry.js';
import type { LogIndex, ReplicaId } from './ids.js';
import { RaftInvariantError } from './invariant.js';
import type { Message } from './message.js';
import type { AppendTicket, DropReason, Proposed, ReadTicket, Ready, StepStatus } from './ready.js';
import type { Status } from './status.js';
import type { Progress } from './tracker/progress.js';

/** Surface only; the implementation follows. */
export class RawNode {
  readonly #config: Config;

  constructor(config: Config) {
    this.#config = config;
  }
  tick(): void {
    return this.#todo();
  }
  step(_m: Message): StepStatus {
    return this.#todo();
  }
  propose(_data: readonly ProposalData[]): Proposed {
    return this.#todo();
  }
  readIndex(): ReadTicket | DropReason {
    return this.#todo();
  }
  campaign(): void {
    return this.#todo();
  }
  transferLeader(_to: ReplicaId): boolean {
    return this.#todo();
  }
  reportUnreachable(_id: ReplicaId): void {
    return this.#todo();
  }
  reportSnapshot(_id: ReplicaId, _ok: boolean): void {
    return this.#todo();
  }
  hasReady(): boolean {
    return this.#todo();
  }
  ready(): Ready {
    return this.#todo();
  }
  appended(_ticket: AppendTicket): void {
    return this.#todo();
  }
  applied(_index: LogIndex): void {
    return this.#todo();
  }
  status(): Status {
    return this.#todo();
  }
  progress(_visit: (id: ReplicaId, p: Readonly<Progress>) => void): void {
    return this.#todo();
  }
  #todo(): never {
    throw new RaftInvariantError('unimplemented', `replica ${this.#config.id}`);
  }
}
