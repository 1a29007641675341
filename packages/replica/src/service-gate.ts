import type { LogFields, Logger } from '@dougdb/ports';
import type { DougError } from '@dougdb/rpc-proto';
import type { ReplicaServiceState } from './contract.js';
import type { Refusals } from './refusals.js';

/** States only ever move to a later one of these. */
const order: readonly ReplicaServiceState[] = [
  'starting',
  'serving',
  'draining',
  'corrupt',
  'stopped',
];

/** What this replica does for clients at the moment. */
export class ServiceGate {
  readonly #logger: Logger;
  readonly #refusals: Refusals;
  #state: ReplicaServiceState = 'starting';
  /** For tests: the replica lives and does nothing. */
  isSuspended = false;
  #ended: () => void = () => undefined;

  constructor(logger: Logger, refusals: Refusals) {
    this.#logger = logger;
    this.#refusals = refusals;
  }

  get state(): ReplicaServiceState {
    return this.#state;
  }

  get isServing(): boolean {
    return this.#state === 'serving' && !this.isSuspended;
  }

  /** One listener, called each time this replica moves to a state in which it does not serve. */
  onEnd(ended: () => void): void {
    this.#ended = ended;
  }

  /** Moves on; a step back is ignored. True if the state changed. */
  moveTo(state: ReplicaServiceState, why: LogFields = {}): boolean {
    if (order.indexOf(state) <= order.indexOf(this.#state)) return false;
    const from = this.#state;
    this.#state = state;
    const fields = { from, to: state, ...why };
    if (state === 'corrupt') this.#logger.error('replica.state', fields);
    else this.#logger.info('replica.state', fields);
    if (state !== 'serving') this.#ended();
    return true;
  }

  /** Why no write is taken; null: it may be. Whether this replica leads is another question. */
  refuseWrite(): DougError | null {
    if (this.isSuspended) return this.#refusals.suspended();
    switch (this.#state) {
      case 'serving':
        return null;
      case 'starting':
        return this.#refusals.starting();
      case 'draining':
        return this.#refusals.draining();
      case 'corrupt':
      case 'stopped':
        return this.#refusals.notLeader('this replica is out of service');
    }
  }

  /** Why no read is taken; null: it may be. */
  refuseRead(): DougError | null {
    if (this.isSuspended) return this.#refusals.suspended();
    switch (this.#state) {
      case 'serving':
        return null;
      case 'starting':
        return this.#refusals.starting();
      case 'draining':
        return this.#refusals.draining();
      case 'corrupt':
        return this.#refusals.corrupt();
      case 'stopped':
        return this.#refusals.notLeader('this replica is out of service');
    }
  }
}
