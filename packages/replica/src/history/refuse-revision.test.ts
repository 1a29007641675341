import { Refusals } from '../refusals.js';
import { genesisState } from '../state/replica-state.js';
import { refuseRevision } from './refuse-revision.js';

describe('a read of a revision', () => {
  it('INVARIANT(history-floor-by-entry): is refused below the floor, and from it on not', () => {
    const descriptor = {
      ...{ partitionId: 2, keyspace: 1, start: new Uint8Array(0), end: new Uint8Array(0) },
      ...{ epoch: { version: 1, conf: 1 }, replicas: [] },
    };
    const state = { ...genesisState(descriptor, 1), revision: 9, historyFloor: 5 };
    const refusals = new Refusals(() => ({ leaderNodeId: 0, nodes: [], logTime: 0 }) as never);
    expect(refuseRevision(state, 4, refusals)).toMatchObject({
      reason: 'COMPACTED',
      outcome: 'NOT_APPLIED',
      message: expect.stringContaining('begins at 5'),
    });
    expect(refuseRevision(state, 5, refusals)).toBeNull();
    expect(refuseRevision(state, 9, refusals)).toBeNull();
  });
});
