import { silentLogger } from '@dougdb/ports';
import { Slot } from '../log/entry-runs.js';
import { LogState } from '../log/log-state.js';
import { SegmentLedger } from '../log/segment-ledger.js';
import { DamageLog } from './damage-log.js';
import { settleLog } from './settle-log.js';

function makeLog(): { log: LogState; ledger: SegmentLedger } {
  const ledger = new SegmentLedger(1);
  ledger.open(1);
  ledger.open(2);
  return { log: new LogState(7, ledger), ledger };
}

function append(log: LogState, index: number, term: number, segment = 1): void {
  log.append(index, term, 0, 10, 0, segment, 64 + index);
}

/** `index/term`, with a mark where it cannot be read, and what was reported. */
function settled(log: LogState): { entries: string; told: string[] } {
  const damage = new DamageLog('replicated', silentLogger);
  settleLog(log, '/wal', damage);
  const entries: string[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) {
    const mark = log.slotOf(index) === Slot.Placed ? '' : '?';
    entries.push(`${index}/${log.termOf(index)}${mark}`);
  }
  return { entries: entries.join(' '), told: damage.found.map(({ what }) => what) };
}

describe('a log behind lost frames', () => {
  it('keeps what stood before them where the entry behind is of the same term', () => {
    const { log } = makeLog();
    for (const [index, term] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 2],
    ] as const)
      append(log, index, term);
    log.doubtUncommitted();
    append(log, 5, 2);
    // Entry 1 may have been replaced by another of term 1 or 2.
    expect(settled(log)).toEqual({ entries: '1/0? 2/2 3/2 4/2 5/2', told: [] });
  });

  it('does not know the terms of what may have been replaced', () => {
    const { log, ledger } = makeLog();
    for (let index = 1; index <= 3; index++) append(log, index, 1);
    log.raiseHint(1);
    log.doubtUncommitted();
    append(log, 4, 3);
    expect(settled(log).entries).toBe('1/1 2/0? 3/0? 4/3');
    // Its bytes are of no use to anybody.
    expect(ledger.liveEntries(1)).toBe(2);
  });

  it('does not know what was at its end', () => {
    const { log } = makeLog();
    for (let index = 1; index <= 3; index++) append(log, index, 1);
    log.raiseHint(1);
    log.doubtUncommitted();
    expect(settled(log).entries).toBe('1/1 2/0? 3/0?');
  });

  it('tells of holes, whose term is known between two of the same', () => {
    const { log } = makeLog();
    append(log, 3, 2);
    append(log, 6, 2);
    append(log, 8, 4);
    expect(settled(log)).toEqual({
      entries: '1/0? 2/0? 3/2 4/2? 5/2? 6/2 7/0? 8/4',
      told: [
        'log 7 misses the entries 1 to 2',
        'log 7 misses the entries 4 to 5',
        'log 7 misses the entries 7 to 7',
      ],
    });
  });

  it('judges doubt and holes side by side', () => {
    const { log } = makeLog();
    for (let index = 1; index <= 3; index++) append(log, index, 2);
    log.raiseHint(2);
    log.doubtUncommitted();
    append(log, 6, 2);
    expect(settled(log)).toEqual({
      entries: '1/2 2/2 3/2 4/2? 5/2? 6/2',
      told: ['log 7 misses the entries 4 to 5'],
    });
  });

  it('knows that a damaged entry is damaged, whether it was in doubt or not', () => {
    const { log } = makeLog();
    for (let index = 1; index <= 4; index++) append(log, index, 1);
    log.raiseHint(1);
    log.setFaulty(1);
    log.setFaulty(3);
    log.doubtUncommitted();
    append(log, 5, 1);
    expect(settled(log).entries).toBe('1/1? 2/1 3/1? 4/1 5/1');
  });

  it('believes what was written again behind the loss, of whatever term', () => {
    const { log, ledger } = makeLog();
    for (let index = 1; index <= 3; index++) append(log, index, 1);
    log.doubtUncommitted();
    expect(log.rewrite(2, 3, 0, 10, 0, 2, 900)).toBe(true);
    expect(log.rewrite(2, 4, 0, 10, 0, 2, 950)).toBe(false);
    append(log, 4, 3, 2);
    expect(settled(log).entries).toBe('1/0? 2/3 3/3? 4/3');
    expect([ledger.liveEntries(1), ledger.liveEntries(2)]).toEqual([0, 2]);
  });

  it('is refused with more holes than anybody could believe', () => {
    const { log } = makeLog();
    append(log, 3_000_000, 1);
    expect(() => settled(log)).toThrow('log 7 misses the entries 1 to 2999999');
  });
});
