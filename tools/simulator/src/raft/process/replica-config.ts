import { type Config, defaultConfig, type Storage } from '@dougdb/raft-core';
import type { Plan } from '../plan/plan.js';
import type { RaftDisk } from './raft-disk.js';

interface Start {
  readonly isNew: boolean;
  readonly forgets: boolean;
}

/** How a replica starts from what is on its disk. */
export function replicaConfig(
  plan: Plan,
  { id, storage, frontier, isTailLost }: RaftDisk,
  { isNew, forgets }: Start,
): Omit<Config, 'random' | 'logger'> {
  return {
    ...defaultConfig,
    ...plan.config,
    ...(isNew ? { restartSilence: false } : {}),
    id,
    storage: forgets ? withoutHint(storage) : storage,
    applied: frontier,
    recovering: isTailLost,
  };
}

/** A storage that has lost the commit hints of its log (S2). */
function withoutHint(storage: Storage): Storage {
  return {
    initialState: () => {
      const { hardState, confState } = storage.initialState();
      return { hardState: { ...hardState, commit: 0 }, confState };
    },
    firstIndex: () => storage.firstIndex(),
    lastIndex: () => storage.lastIndex(),
    term: (index) => storage.term(index),
    entries: (low, high, maxBytes) => storage.entries(low, high, maxBytes),
    snapshot: () => storage.snapshot(),
  };
}
