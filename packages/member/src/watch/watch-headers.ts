import type { Clock } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import { Consistency, ResponseHeader } from '@dougdb/rpc-proto';
import type { ClusterView } from '../handlers/cluster-view.js';

/** A watch tells what is applied here, whoever leads. */
const AS_APPLIED = { served: Consistency.CONSISTENCY_EVENTUAL, ageMs: 0 } as const;

interface Made {
  readonly revision: number;
  readonly encoded: Uint8Array;
}

/** Headers for what watches are told, one a turn for each partition: most turns tell many watches the same. */
export class WatchHeaders {
  readonly #clock: Clock;
  readonly #made = new Map<Replica, Made>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An encoded ResponseHeader: facts of this turn. Not to be changed. */
  of(view: ClusterView, replica: Replica): Uint8Array {
    const { revision } = replica;
    const known = this.#made.get(replica);
    if (known?.revision === revision) return known.encoded;
    const header = view.header(replica, AS_APPLIED);
    const encoded = ResponseHeader.encode(header).finish();
    if (this.#made.size === 0) this.#clock.defer(() => this.#made.clear());
    this.#made.set(replica, { revision, encoded });
    return encoded;
  }
}
