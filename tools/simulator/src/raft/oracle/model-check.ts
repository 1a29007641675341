import { checkModel, type ReplicaView } from '@dougdb/raft-core/testing';
import type { CommittedLog } from './committed-log.js';
import type { LogMirror } from './log-mirror.js';

/** A replica, as far as the invariants over all of them look at it. */
export interface Watched {
  readonly view: (ReplicaView & { readonly log: LogMirror; readonly disk: LogMirror }) | null;
}

/** Numbers by which it is seen that a replica is as it was. */
const FIELDS = 6;

/**
 * The invariants of etcd's TLA+ model over all replicas at one moment; mostly nothing has changed since
 * they were looked at last.
 */
export class ModelCheck {
  readonly #committed: CommittedLog;
  #seen: number[] = [];
  #confs: unknown[] = [];

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  /** True if something has changed. */
  check(replicas: readonly Watched[]): boolean {
    const views: ReplicaView[] = [];
    let hasChanged = false;
    for (const [i, { view }] of replicas.entries()) {
      if (this.#hasChanged(i, view)) hasChanged = true;
      if (view !== null) views.push(view);
    }
    if (hasChanged) checkModel(views, this.#committed.knownIn);
    return hasChanged;
  }

  #hasChanged(i: number, view: Watched['view']): boolean {
    const seen = this.#seen;
    const at = i * FIELDS;
    let hasChanged = false;
    const note = (field: number, value: number): void => {
      if (seen[at + field] === value) return;
      seen[at + field] = value;
      hasChanged = true;
    };
    note(0, view?.term ?? -1);
    note(1, view?.role ?? -1);
    note(2, view?.commit ?? -1);
    note(3, view?.log.version ?? -1);
    note(4, view?.disk.version ?? -1);
    note(5, view?.id ?? -1);
    if (this.#confs[i] !== view?.conf) {
      this.#confs[i] = view?.conf;
      hasChanged = true;
    }
    return hasChanged;
  }
}
