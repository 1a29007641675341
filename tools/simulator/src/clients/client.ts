import type { SimRandom } from '@dougdb/ports/sim';
import type { SimCluster } from '../cluster.js';
import type { Coverage } from '../coverage.js';
import type { Observation } from '../observation.js';
import type { Truth } from '../truth/truth.js';

/** What every client has. */
export interface ClientContext {
  readonly cluster: SimCluster;
  readonly truth: Truth;
  readonly coverage: Coverage;
  readonly random: SimRandom;
  /** No other client has it; also the number, for histories. */
  readonly name: string;
  readonly number: number;
  /** What clients saw of keys that only puts, gets and deletes touch. */
  readonly history: Observation[];
  readonly trace: (line: string) => void;
}

/** Somebody who uses the cluster, in one way. */
export interface Client {
  /** One operation, or a few that belong together. What it rejects with ends the run. */
  act(): Promise<void>;
  /** Everything is healed: what has to work now, and what has to be true in the end. */
  conclude(): Promise<void>;
  close(): Promise<void>;
}

/** Connects a client of one kind. */
export type ClientKind = (context: ClientContext) => Promise<Client>;
