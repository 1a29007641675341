import { voters } from '../../test/harness/host.js';
import { defaultConfig, MemoryStorage, StateType } from '../index.js';
import { OpenTickets } from '../log/open-tickets.js';
import { TicketOutbox } from './outbox.js';
import { Raft } from './raft.js';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.js';

function raft(term = 3): Raft {
  const storage = new MemoryStorage(voters(1, 2, 3));
  storage.setHardState({ term, vote: 0 });
  return new Raft(
    { ...defaultConfig, id: 1, storage, random: () => 0 },
    (r) => new TicketOutbox(new OpenTickets(), () => r.log.durable),
  );
}

describe('roles', () => {
  it('keep INVARIANT(leader-by-election): nobody leads without a campaign in that term', () => {
    const r = raft();
    expect(() => becomeLeader(r)).toThrow(/^leader-by-election/);
    becomePreCandidate(r);
    expect(() => becomeLeader(r)).toThrow(/^leader-by-election/);
    becomeCandidate(r);
    becomeLeader(r);
    expect(r.role).toBe(StateType.StateLeader);
  });

  it('keep INVARIANT(leader-append-only): a leader does not campaign', () => {
    const r = raft();
    becomeCandidate(r);
    becomeLeader(r);
    expect(() => becomeCandidate(r)).toThrow(/^leader-append-only/);
    expect(() => becomePreCandidate(r)).toThrow(/^leader-append-only/);
  });

  it('keep INVARIANT(term-monotonic): a term is never taken back', () => {
    expect(() => becomeFollower(raft(), 2, 2)).toThrow(/^term-monotonic/);
  });

  it('keep the vote within a term and forget it with the term', () => {
    const r = raft();
    r.vote = 2;
    becomeFollower(r, 3, 2);
    expect(r.vote).toBe(2);
    becomeFollower(r, 4, 2);
    expect(r.vote).toBe(0);
  });

  it('throw an error that names its invariant and has a code', () => {
    expect(() => becomeLeader(raft())).toThrow(
      expect.objectContaining({
        name: 'RaftInvariantError',
        code: 'RAFT_INVARIANT',
        invariant: 'leader-by-election',
      }),
    );
  });
});
