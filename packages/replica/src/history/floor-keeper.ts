import { encodeInternal } from '@dougdb/rpc-proto';
import type { AnswerSink } from '../contract.js';
import type { LogClock } from '../state/log-clock.js';
import { logTimeSpan } from '../state/log-time.js';
import type { ReplicaState } from '../state/replica-state.js';
import { nowhere } from '../write/nowhere.js';
import { HistorySamples } from './history-samples.js';

export interface FloorKeeperOptions {
  readonly state: ReplicaState;
  readonly logClock: LogClock;
  /** Log time for which versions are kept, in milliseconds. */
  readonly historyMs: number;
  /** Proposes a command of the leader's own; the answer goes to the sink, now or later. */
  readonly propose: (command: Uint8Array, sink: AnswerSink) => void;
}

/** The floor moves so often in a history ... */
const MOVES_A_HISTORY = 10;
/** ... but not more often than this, however short that is. */
const SHORTEST_PAUSE_MS = 1000;

/**
 * Moves the history floor, on the leader: proposes that what is older than the history may be forgotten. Every
 * replica takes the samples, so a new leader goes on where the old one stopped; after a start they begin anew.
 */
export class FloorKeeper {
  readonly #options: FloorKeeperOptions;
  readonly #samples: HistorySamples;
  readonly #pause: number;
  /** Log time from which on the next proposal may be made. */
  #nextAt = 0;
  #isWaiting = false;

  constructor(options: FloorKeeperOptions) {
    const { historyMs, state } = options;
    this.#options = options;
    this.#samples = new HistorySamples(logTimeSpan(historyMs));
    this.#samples.note(state.logTime, state.revision);
    this.#pause = logTimeSpan(Math.max(historyMs / MOVES_A_HISTORY, SHORTEST_PAUSE_MS));
  }

  /** An entry was applied whole. */
  entryApplied(): void {
    const { logTime, revision } = this.#options.state;
    this.#samples.note(logTime, revision);
  }

  /** Now and then, on a leader that serves. */
  tick(): void {
    const { state, logClock, propose } = this.#options;
    const now = logClock.read();
    if (this.#isWaiting || now < this.#nextAt) return;
    const revision = this.#samples.floorAt(now, state);
    if (revision <= state.historyFloor) return;
    this.#nextAt = now + this.#pause;
    this.#isWaiting = true;
    propose(compaction(revision), this.#sink);
  }

  readonly #applied = (): void => {
    this.#isWaiting = false;
  };

  readonly #failed = (): void => {
    this.#isWaiting = false;
    this.#nextAt = this.#options.logClock.read() + logTimeSpan(SHORTEST_PAUSE_MS);
  };

  readonly #sink: AnswerSink = {
    ...nowhere,
    written: this.#applied,
    looked: this.#applied,
    failed: this.#failed,
  };
}

/** The command that lets history up to a revision be forgotten. */
export function compaction(revision: number): Uint8Array {
  return encodeInternal({ $case: 'compact', value: { revision } });
}
