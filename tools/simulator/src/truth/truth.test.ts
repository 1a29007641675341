import type { AppliedState, CommittedEntry } from '@dougdb/replica';
import { encodeDelete, encodePut, type OpIdFields } from '@dougdb/rpc-proto';
import { Truth } from './truth.js';

const PARTITION = 2;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const opId = (seq: number, startedAt = 1): OpIdFields => {
  return { session: new Uint8Array(16).fill(7), startedAt, seq, firstIncomplete: 1 };
};

/** An entry as replicas write it. */
function entryOf(logTime: number, commands: readonly Uint8Array[]): Uint8Array {
  const size = commands.reduce((sum, { length }) => sum + 4 + length, 20);
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint16(2, commands.length, true);
  view.setBigUint64(4, BigInt(logTime), true);
  let at = 20;
  for (const command of commands) {
    view.setUint32(at, command.length, true);
    data.set(command, at + 4);
    at += 4 + command.length;
  }
  return data;
}

/** Two members that tell what they apply. */
class Bench {
  readonly truth = new Truth(() => 0);
  readonly one = this.truth.observer('n1');
  readonly other = this.truth.observer('n2');

  entry(index: number, data: Uint8Array, term = 2): CommittedEntry {
    return { partitionId: PARTITION, index, term, data };
  }

  state(index: number, revision: number, part: Partial<AppliedState> = {}): AppliedState {
    return { partitionId: PARTITION, index, revision, hash: revision, sessions: 0, ...part };
  }

  get found(): string[] {
    return this.truth.violations.map(({ property }) => property);
  }

  /** The leader's empty entry and one put. */
  begun(): Bench {
    this.one.begins(this.entry(2, new Uint8Array(0)));
    this.one.applied(this.state(2, 0));
    this.one.begins(this.entry(3, entryOf(10, [encodePut(null, bytes('k'), bytes('v'))])));
    this.one.applied(this.state(3, 1));
    return this;
  }
}

describe('the truth that logs tell', () => {
  it('is followed by replicas that apply the same', () => {
    const bench = new Bench().begun();
    bench.other.begins(bench.entry(2, new Uint8Array(0)));
    bench.other.applied(bench.state(2, 0));
    expect(bench.found).toEqual([]);
    const { model, lastIndex } = bench.truth.partition(PARTITION);
    expect([lastIndex, model.revision]).toEqual([3, 1]);
    expect(model.versions.at('k', 1)).toEqual({ revision: 1, value: 'v', expiresAt: 0 });
  });

  it('sees another entry, another state and another revision than follows', () => {
    const other = entryOf(10, [encodePut(null, bytes('k'), bytes('w'))]);
    const matching = new Bench().begun();
    matching.other.begins(matching.entry(3, other));
    const safety = new Bench().begun();
    safety.other.applied(safety.state(3, 1, { hash: 9 }));
    const asSaid = new Bench().begun();
    asSaid.other.applied(asSaid.state(3, 2));
    const inOrder = new Bench().begun();
    inOrder.one.begins(inOrder.entry(5, other));
    expect([matching, safety, asSaid, inOrder].map(({ found }) => found.join())).toEqual([
      'log-matching',
      'state-machine-safety',
      'as-the-log-says',
      'apply-in-order',
    ]);
  });

  it('sees a second leader in a term, and log time that stands still', () => {
    const leader = new Bench().begun();
    leader.one.begins(leader.entry(4, new Uint8Array(0)));
    const time = new Bench().begun();
    time.one.begins(time.entry(4, entryOf(10, [encodeDelete(null, bytes('k'))])));
    expect([leader.found, time.found]).toEqual([['election-safety'], ['log-time-monotonic']]);
  });

  it('applies an op once, and knows what it was answered', () => {
    const bench = new Bench().begun();
    const put = encodePut(opId(1), bytes('k'), bytes('w'));
    bench.one.begins(bench.entry(4, entryOf(11, [put, put])));
    bench.one.applied(bench.state(4, 2, { sessions: 1 }));
    expect(bench.found).toEqual([]);
    const partition = bench.truth.partition(PARTITION);
    expect(partition.duplicates).toBe(1);
    expect(partition.answerTo(opId(1))).toMatchObject({ outcome: 'applied', revision: 2 });
    expect([partition.writtenAt('w'), partition.writtenAt('x')]).toEqual([2, undefined]);
  });

  it('sees a command with a field that nobody knows', () => {
    const bench = new Bench().begun();
    const put = encodePut(null, bytes('k'), bytes('v'));
    bench.one.begins(bench.entry(4, entryOf(11, [new Uint8Array([...put, 0x78, 1])])));
    expect(bench.found).toEqual(['known-fields']);
  });
});
