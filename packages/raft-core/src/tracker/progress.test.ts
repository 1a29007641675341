import { Inflights } from './inflights.js';
import { Progress, ProgressState } from './progress.js';

const { StateProbe, StateReplicate, StateSnapshot } = ProgressState;

function progress(match: number, next: number, state: ProgressState = StateProbe): Progress {
  const p = new Progress(2, false, new Inflights(3, 1000));
  p.reset(next - 1);
  p.match = match;
  p.state = state;
  p.next = next;
  return p;
}

describe('Progress', () => {
  it('starts a term with the end of the log as the first guess', () => {
    const p = progress(5, 6, StateReplicate);
    p.recentActive = true;
    p.vote = true;
    p.reset(9);
    expect(p).toMatchObject({
      match: 0,
      next: 10,
      state: StateProbe,
      recentActive: false,
      vote: null,
    });
  });

  it('pauses after one message with entries while probing', () => {
    const p = progress(0, 5);
    p.sentEntries(0, 0);
    expect(p.isPaused).toBe(false);
    p.sentEntries(2, 20);
    expect([p.isPaused, p.next]).toEqual([true, 5]);
  });

  it('runs ahead while replicating until the window is full', () => {
    const p = progress(4, 5, StateReplicate);
    p.sentEntries(2, 10);
    p.sentEntries(1, 10);
    expect([p.isPaused, p.next]).toEqual([false, 8]);
    p.sentEntries(1, 10);
    expect([p.isPaused, p.next]).toEqual([true, 9]);
  });

  it('pauses again after the one empty message that a full window is allowed', () => {
    const p = progress(4, 5, StateReplicate);
    for (let i = 0; i < 3; i++) p.sentEntries(1, 10);
    p.msgAppFlowPaused = false;
    p.sentEntries(0, 0);
    expect(p.isPaused).toBe(true);
  });

  it('never lets match fall', () => {
    const p = progress(7, 9, StateReplicate);
    expect([p.maybeUpdate(6), p.match]).toEqual([false, 7]);
    expect([p.maybeUpdate(7), p.match]).toEqual([false, 7]);
    expect([p.maybeUpdate(8), p.match, p.next]).toEqual([true, 8, 9]);
    expect([p.maybeUpdate(12), p.match, p.next]).toEqual([true, 12, 13]);
  });

  describe('with a rejection', () => {
    it('ignores one at or below match while replicating', () => {
      const p = progress(5, 10, StateReplicate);
      expect(p.maybeDecrTo(5, 3)).toBe(false);
      expect(p.maybeDecrTo(4, 3)).toBe(false);
      expect(p.next).toBe(10);
    });

    it('goes back to match while replicating', () => {
      const p = progress(5, 10, StateReplicate);
      expect([p.maybeDecrTo(9, 3), p.next]).toEqual([true, 6]);
    });

    it('ignores one that does not answer the probe in flight', () => {
      const p = progress(0, 10);
      p.msgAppFlowPaused = true;
      expect(p.maybeDecrTo(8, 3)).toBe(false);
      expect(p.maybeDecrTo(10, 3)).toBe(false);
      expect([p.next, p.isPaused]).toEqual([10, true]);
    });

    it('takes the hint while probing, and at least one step', () => {
      const p = progress(0, 10);
      p.msgAppFlowPaused = true;
      expect([p.maybeDecrTo(9, 3), p.next, p.isPaused]).toEqual([true, 4, false]);
      expect([p.maybeDecrTo(3, 7), p.next]).toEqual([true, 3]);
    });

    it('never goes back below match', () => {
      const p = progress(6, 10);
      expect([p.maybeDecrTo(9, 1), p.next]).toEqual([true, 7]);
    });
  });

  it('probes after a snapshot that may have arrived', () => {
    const p = progress(3, 4, StateReplicate);
    p.becomeSnapshot(20);
    expect([p.isPaused, p.next, p.state]).toEqual([true, 21, StateSnapshot]);
    p.becomeProbe();
    expect([p.isPaused, p.next, p.state]).toEqual([false, 21, StateProbe]);
  });

  it('probes from match after a snapshot that failed', () => {
    const p = progress(3, 4, StateReplicate);
    p.becomeSnapshot(20);
    p.pendingSnapshot = 0;
    p.becomeProbe();
    expect(p.next).toBe(4);
  });

  it('forgets the window when it changes state', () => {
    const p = progress(3, 4, StateReplicate);
    p.sentEntries(2, 10);
    p.becomeProbe();
    expect([p.inflights.count, p.next]).toEqual([0, 4]);
  });

  it('wants to be told of a higher commit index only if no message in flight will tell it', () => {
    const p = progress(10, 11, StateReplicate);
    p.sentCommit = 8;
    expect(p.canBumpCommit(8)).toBe(false);
    expect(p.canBumpCommit(9)).toBe(true);
    p.sentCommit = 10;
    expect(p.canBumpCommit(11)).toBe(false);
  });
});
