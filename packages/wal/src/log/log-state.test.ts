import fc from 'fast-check';
import { entry } from '../../test/rig.js';
import { Slot } from './entry-runs.js';
import { LogState } from './log-state.js';
import { SegmentLedger } from './segment-ledger.js';

function makeLog(segments = 3): { log: LogState; ledger: SegmentLedger } {
  const ledger = new SegmentLedger(1);
  for (let segment = 1; segment <= segments; segment++) ledger.open(segment);
  return { log: new LogState(1, ledger), ledger };
}

function append(log: LogState, index: number, term: number, segment: number): void {
  log.append(index, term, 0, 10, 0, segment, 64);
}

function rewrite(log: LogState, index: number, term: number, segment: number): boolean {
  return log.rewrite(index, term, 0, 10, 0, segment, 64);
}

function terms(log: LogState): number[] {
  const found: number[] = [];
  for (let i = log.firstIndex; i <= log.lastIndex; i++) found.push(log.termOf(i));
  return found;
}

describe('LogState in replay', () => {
  it('INVARIANT(rewrite-keeps-tail): a rewrite never truncates what follows it', () => {
    const { log, ledger } = makeLog();
    for (let i = 1; i <= 5; i++) append(log, i, 1, 1);
    expect(rewrite(log, 2, 1, 3)).toBe(true);
    expect(terms(log)).toEqual([1, 1, 1, 1, 1]);
    expect([ledger.liveEntries(1), ledger.liveEntries(3)]).toEqual([4, 1]);
  });

  it('INVARIANT(rewrite-keeps-tail): a rewrite is ignored where another term stands or the prefix reaches', () => {
    const { log, ledger } = makeLog();
    for (let i = 1; i <= 5; i++) append(log, i, 1, 1);
    append(log, 4, 2, 2);
    log.compact(2, 1);
    expect([rewrite(log, 4, 1, 3), rewrite(log, 2, 1, 3)]).toEqual([false, false]);
    expect(terms(log)).toEqual([1, 2]);
    expect(ledger.liveEntries(3)).toBe(0);
  });

  it('fills the places that were in a collected segment, in any order', () => {
    const { log } = makeLog();
    append(log, 6, 2, 2);
    append(log, 7, 2, 2);
    for (const i of [5, 3, 4]) expect(rewrite(log, i, 1, 3)).toBe(true);
    log.compact(2, 1);
    expect(terms(log)).toEqual([1, 1, 1, 2, 2]);
    expect(log.slotOf(3)).toBe(Slot.Placed);
  });

  it('a damaged entry is healed by a rewrite of the same term', () => {
    const { log } = makeLog();
    append(log, 1, 1, 1);
    log.setFaulty(1);
    expect(rewrite(log, 1, 1, 2)).toBe(true);
    expect(log.slotOf(1)).toBe(Slot.Placed);
  });

  it('ends with what the whole stream gives, from wherever the stream is read', () => {
    // Random operations on one log, with a collector that copies live entries out of the oldest segment:
    // replay from any segment up to the oldest needed one must end in the same state.
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const stream = new RecordedStream();
        for (const { kind, at } of operations) stream.act(kind, at);
        for (let from = 1; from <= stream.ledger.oldestNeeded(); from++) {
          const { log, ledger } = stream.replay(from);
          expect([log.firstIndex, log.prefixTerm, ...terms(log)]).toEqual([
            stream.log.firstIndex,
            stream.log.prefixTerm,
            ...terms(stream.log),
          ]);
          for (let s = stream.ledger.oldestNeeded(); s <= stream.segment; s++) {
            expect(ledger.liveEntries(s)).toBe(stream.ledger.liveEntries(s));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes nothing below its beginning', () => {
    const { log, ledger } = makeLog();
    log.compact(9, 2);
    expect(log.append(8, 1, 0, 10, 0, 1, 64)).toBe(false);
    expect(log.rewrite(9, 2, 0, 10, 0, 1, 64)).toBe(false);
    expect([log.lastIndex, ledger.liveEntries(1)]).toEqual([9, 0]);
    expect(log.append(10, 2, 0, 10, 0, 1, 64)).toBe(true);
  });

  it('doubts what is not committed when a frame is lost', () => {
    const { log } = makeLog();
    for (let i = 1; i <= 4; i++) append(log, i, 1, 1);
    log.raiseHint(2);
    log.doubtUncommitted();
    log.setFaulty(1);
    const slots = [1, 2, 3, 4].map((i) => log.slotOf(i));
    expect(slots).toEqual([Slot.Faulty, Slot.Placed, Slot.Doubtful, Slot.Doubtful]);
    expect(terms(log)).toEqual([1, 1, 1, 1]);
  });

  it('places a pending entry only if it still is the one', () => {
    const { log, ledger } = makeLog();
    log.appendPending(entry(1), 0);
    log.appendPending(entry(1, 2), 1);
    log.place(1, 0, 1, 64);
    expect(ledger.liveEntries(1)).toBe(0);
    log.place(1, 1, 1, 72);
    expect([ledger.liveEntries(1), log.table.offset(1)]).toEqual([1, 72]);
    log.clear();
    expect([ledger.liveEntries(1), log.isVoid]).toEqual([0, true]);
  });
});

describe('SegmentLedger', () => {
  it('INVARIANT(segments-die-in-order): lets only the oldest segment go, and only when nothing in it lives', () => {
    const { log, ledger } = makeLog();
    append(log, 1, 1, 1);
    log.raiseHint(1);
    log.hintStandsIn(1);
    expect(() => ledger.removeFirst()).toThrow('segment 1 is still needed');
    log.cutFrom(1);
    expect([ledger.oldestNeeded(), ledger.liveFacts(1)]).toEqual([1, 1]);
    expect(() => ledger.removeFirst()).toThrow('segment 1 is still needed');
    log.hintStandsIn(3);
    expect(ledger.oldestNeeded()).toBe(3);
    ledger.removeFirst();
    ledger.removeFirst();
    expect([ledger.first, ledger.count]).toEqual([3, 1]);
    log.hintStandsIn(0);
    expect(() => ledger.removeFirst()).toThrow('segment 3 is still needed');
    expect(() => ledger.open(9)).toThrow('segment 9 is not the next one');
    expect(() => ledger.liveEntries(2)).toThrow('segment 2 does not exist');
  });
});

type Kind = 'append' | 'truncate' | 'compact' | 'remove' | 'rotate' | 'collect';

function of(kind: Kind, weight: number, most: number) {
  return { weight, arbitrary: fc.record({ kind: fc.constant(kind), at: fc.nat(most) }) };
}

const operation = fc.oneof(
  of('append', 6, 3),
  of('truncate', 1, 5),
  of('compact', 1, 5),
  of('remove', 1, 0),
  of('rotate', 2, 0),
  of('collect', 2, 0),
);

/** One log's operations with their segments, so that they can be run again from any segment on. */
class RecordedStream {
  readonly ledger = new SegmentLedger(1);
  readonly log = new LogState(1, this.ledger);
  readonly #steps: { readonly segment: number; readonly run: (log: LogState) => void }[] = [];
  segment = 1;
  #term = 1;

  constructor() {
    this.ledger.open(1);
  }

  act(kind: Kind, at: number): void {
    const { log } = this;
    if (kind === 'rotate') this.ledger.open(++this.segment);
    else if (kind === 'collect') this.#collect();
    else if (kind === 'remove') this.#step((l) => l.clear());
    else if (kind === 'append') {
      const index = Math.max(log.firstIndex, log.lastIndex + 1 - at);
      const term = index <= log.lastIndex ? ++this.#term : this.#term;
      this.#step((l, s) => append(l, index, term, s));
    } else if (kind === 'truncate') {
      const index = Math.max(log.firstIndex, log.lastIndex - at);
      this.#step((l) => l.cutFrom(index));
    } else {
      this.#compact(Math.max(log.prefixIndex, log.lastIndex - at));
    }
  }

  replay(from: number): { log: LogState; ledger: SegmentLedger } {
    const ledger = new SegmentLedger(from);
    for (let s = from; s <= this.segment; s++) ledger.open(s);
    const log = new LogState(1, ledger);
    for (const step of this.#steps) if (step.segment >= from) step.run(log);
    return { log, ledger };
  }

  #compact(index: number): void {
    if (index === 0) return;
    const term = this.log.termOf(index);
    this.#step((l, s) => {
      l.compact(index, term);
      if (l.prefixIndex === index) l.prefixStandsIn(s);
    });
  }

  #collect(): void {
    const { log, ledger } = this;
    const oldest = ledger.oldestNeeded();
    if (oldest === this.segment) return;
    for (let i = log.firstIndex; i <= log.lastIndex; i++) {
      if (log.table.segment(i) !== oldest) continue;
      const term = log.termOf(i);
      this.#step((l, s) => {
        rewrite(l, i, term, s);
      });
    }
    if (log.prefixSegment === oldest) this.#compact(log.prefixIndex);
    expect(ledger.isDead(oldest)).toBe(true);
  }

  #step(run: (log: LogState, segment: number) => void): void {
    const { segment } = this;
    run(this.log, segment);
    this.#steps.push({ segment, run: (log) => run(log, segment) });
  }
}
