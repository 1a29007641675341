import type { RaftLogger } from '@dougdb/raft-core';
import type { Coverage, CoverageName } from '../coverage.js';

const CORE_EVENTS: Readonly<Record<string, CoverageName>> = {
  'raft.leader.quorum-lost': 'quorum-lost',
  'raft.transfer.abort': 'transfer-aborted',
  'raft.peer.lost': 'loss-announced',
  'raft.recovered': 'recovered',
  'raft.snapshot.install': 'snapshot-installed',
};

/** Counts what the core says of itself. `needsSnapshot`: it has none for somebody. */
export function coreEvents(coverage: Coverage, needsSnapshot: () => void): RaftLogger {
  return {
    info: (event, { reason }) => {
      const name = CORE_EVENTS[event];
      if (name !== undefined) coverage.hit(name);
      if (event === 'raft.snapshot.none' || event === 'raft.snapshot.before-member') {
        needsSnapshot();
      }
      if (event !== 'raft.leader.stepping-down') return;
      if (reason === 'append-timeout') coverage.hit('append-timeout');
      if (reason === 'damaged-entry') coverage.hit('leader-hands-over-damaged');
    },
  };
}
