import { codeNames, type codes, DougError, type OutcomeName } from '@dougdb/rpc-proto';
import { mayHaveApplied, type Reaction, reactTo } from './route-errors.js';

const write = { isRead: false, hasOpId: true, maybeApplied: false };
const read = { isRead: true, hasOpId: false, maybeApplied: false };
const bareWrite = { isRead: false, hasOpId: false, maybeApplied: false };
const error = (reason: keyof typeof codes, outcome?: OutcomeName) =>
  new DougError(reason, 'test', { outcome });

describe('reactTo', () => {
  it('follows the retry column of the table for every code', () => {
    const expected: Partial<Record<keyof typeof codes, Reaction>> = {
      NOT_LEADER: 'reroute',
      EPOCH_MISMATCH: 'reroute',
      NO_LEADER: 'backoff',
      DRAINING: 'backoff',
      STARTING: 'backoff',
      BUSY: 'backoff',
      NO_SPACE: 'backoff',
      IN_DOUBT: 'backoff',
      CORRUPT: 'other-replica',
    };
    for (const name of codeNames) {
      expect([name, reactTo(error(name), write)]).toEqual([name, expected[name] ?? 'give-up']);
      expect([name, reactTo(error(name), read)]).toEqual([name, expected[name] ?? 'give-up']);
    }
  });

  it('never sends a write without an op id twice once it may have been applied', () => {
    expect(reactTo(error('IN_DOUBT'), bareWrite)).toBe('give-up');
    expect(reactTo(error('NO_LEADER', 'UNKNOWN'), bareWrite)).toBe('give-up');
    expect(reactTo(error('NO_LEADER'), bareWrite)).toBe('backoff');
    expect(reactTo(error('NOT_LEADER'), { ...bareWrite, maybeApplied: true })).toBe('give-up');
  });

  it('gives a new id only to an op that can never take effect under the old one', () => {
    expect(reactTo(error('SESSION_EXPIRED', 'NOT_APPLIED'), write)).toBe('new-id');
    expect(reactTo(error('SESSION_EXPIRED', 'UNKNOWN'), write)).toBe('give-up');
    const resent = { ...write, maybeApplied: true };
    expect(reactTo(error('SESSION_EXPIRED', 'NOT_APPLIED'), resent)).toBe('give-up');
    expect(reactTo(error('SESSION_EXPIRED', 'NOT_APPLIED'), bareWrite)).toBe('give-up');
  });
});

describe('mayHaveApplied', () => {
  it('is false only if every attempt ended NOT_APPLIED (outcome-of-all-attempts)', () => {
    const certain = error('BUSY', 'NOT_APPLIED');
    const doubtful = error('IN_DOUBT', 'UNKNOWN');
    expect(mayHaveApplied(certain, write)).toBe(false);
    expect(mayHaveApplied(doubtful, write)).toBe(true);
    expect(mayHaveApplied(certain, { ...write, maybeApplied: true })).toBe(true);
  });

  it('is never true for a read', () => {
    expect(mayHaveApplied(error('IN_DOUBT', 'UNKNOWN'), read)).toBe(false);
  });
});
