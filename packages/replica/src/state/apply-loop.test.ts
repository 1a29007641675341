import { type Clock, crc32, silentMetrics } from '@dougdb/ports';
import type { Entry } from '@dougdb/raft-core';
import { PartitionDescriptor } from '@dougdb/rpc-proto';
import type { Db, Found } from '@dougdb/sstable';
import { put } from '../../test/support/commands.js';
import { brief, RecordingSink } from '../../test/support/sink.js';
import { codeOf } from '../error-code.js';
import { EntryWriter } from '../format/entry-writer.js';
import { Refusals } from '../refusals.js';
import { replicaTelemetry } from '../telemetry.js';
import { PendingEntry } from '../write/pending-entry.js';
import { ApplyLoop } from './apply-loop.js';
import { genesisState } from './replica-state.js';
import { StateMachine } from './state-machine.js';

/** A clock on which each look at it costs a millisecond. */
class BusyClock implements Clock {
  nowMs = 0;
  monotonicMs(): number {
    return this.nowMs++;
  }
  wallMs(): number {
    return 0;
  }
  setTimer(): never {
    throw new Error('no timers here');
  }
  defer(): never {
    throw new Error('no turns here');
  }
}

class Bench {
  readonly entries: number[] = [];
  /** Looks under way. */
  readonly looks: ((found: Found | null) => void)[] = [];
  rejectLook: (error: unknown) => void = () => undefined;
  woken = 0;
  readonly clock = new BusyClock();
  readonly pending = new Map<number, PendingEntry>();
  readonly machine: StateMachine;
  readonly loop: ApplyLoop;
  #logTime = 1;
  #index = 2;

  constructor(sliceMs: number) {
    const db = {
      lastSequence: 0,
      put: () => undefined,
      delete: () => undefined,
      look: () =>
        new Promise<Found | null>((resolve, reject) => {
          this.looks.push(resolve);
          this.rejectLook = reject;
        }),
    };
    const descriptor = { ...PartitionDescriptor.decode(new Uint8Array(0)) };
    const state = genesisState(descriptor, 0);
    const pause = (): Promise<void> => Promise.resolve();
    const looked = (): number => this.woken++;
    this.machine = new StateMachine(state, db as unknown as Db, { looked, pause });
    this.loop = new ApplyLoop({
      machine: this.machine,
      clock: this.clock,
      sliceMs,
      refusals: new Refusals(() => ({}) as never),
      telemetry: replicaTelemetry(silentMetrics),
      takePending: (index) => this.pending.get(index) ?? null,
      onBegin: () => undefined,
      onEntry: () => {
        expect(this.machine.isInsideEntry).toBe(false);
        this.entries.push(this.machine.state.appliedIndex);
      },
    });
  }

  entry(commands: number): Entry {
    return this.entryOf(Array.from({ length: commands }, (_, i) => put(`k${i}`, 'v')));
  }

  entryOf(commands: readonly Uint8Array[]): Entry {
    const writer = new EntryWriter();
    for (const command of commands) writer.add(command, 0, command.length);
    const { data, checksum } =
      commands.length === 0
        ? { data: new Uint8Array(0), checksum: 0 }
        : writer.take(this.#logTime++, 0);
    return { index: this.#index++, term: 1, type: 0, data, checksum };
  }

  /** Somebody waits for each command of the entry at this index, until `deadlineMs`. */
  await(index: number, ids: readonly number[], deadlineMs = 1_000_000): RecordingSink {
    const sink = new RecordingSink();
    const pending = new PendingEntry();
    for (const id of ids) pending.answers.add(sink, id, deadlineMs);
    this.pending.set(index, pending);
    return sink;
  }
}

const toldTo = (sink: RecordingSink): string[] => [...sink.answers.values()].map(brief);

describe('ApplyLoop', () => {
  it('pauses inside an entry when its time is over, and shows whole entries only', () => {
    const bench = new Bench(4);
    bench.loop.add([bench.entry(200), bench.entry(1)]);
    let slices = 1;
    expect(bench.loop.slice()).toBe(true);
    expect(bench.machine.isInsideEntry).toBe(true);
    expect([bench.machine.state.appliedIndex, bench.entries]).toEqual([1, []]);
    expect(bench.machine.state.revision).toBeGreaterThan(0);
    while (bench.loop.slice()) slices++;
    expect(slices).toBeGreaterThanOrEqual(3);
    expect(bench.entries).toEqual([2, 3]);
    expect(bench.machine.state.revision).toBe(201);
    expect(bench.loop.isIdle).toBe(true);
  });

  it('takes more while it is at work, and knows how far the log is committed', () => {
    const bench = new Bench(3);
    expect(bench.loop.handedOut).toBe(1);
    bench.loop.add([bench.entry(50), bench.entry(0)]);
    bench.loop.slice();
    bench.loop.add([bench.entry(0), bench.entry(1)]);
    expect(bench.loop.handedOut).toBe(5);
    while (bench.loop.slice());
    expect(bench.entries).toEqual([2, 3, 4, 5]);
    bench.loop.add([]);
    expect(bench.loop.slice()).toBe(false);
  });

  it('answers those who wait, and those of a halted entry are left to the caller', () => {
    const bench = new Bench(2);
    const sink = new RecordingSink();
    const pending = new PendingEntry();
    for (let id = 1; id <= 40; id++) pending.answers.add(sink, id, 1000);
    bench.pending.set(2, pending);
    bench.loop.add([bench.entry(40)]);
    bench.loop.slice();
    const told = sink.answers.size;
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(40);
    expect(brief(sink.answers.get(told) as never)).toBe(`written ${told}`);
    const left = bench.loop.halt();
    expect(left?.answers.open).toBe(40 - told);
    bench.loop.add([bench.entry(1)]);
    expect([bench.loop.slice(), bench.loop.isIdle]).toEqual([false, true]);
  });

  it('waits inside an entry for a look, shows nothing of it as applied, and goes on in order', async () => {
    const bench = new Bench(1000);
    const sink = bench.await(2, [1, 2, 3]);
    const looking = put('b', '2', null, { ifAbsent: true });
    bench.loop.add([bench.entryOf([put('a', '1'), looking, put('c', '3')]), bench.entry(1)]);
    expect(bench.loop.slice()).toBe(false);
    expect([bench.loop.isIdle, bench.loop.hasWork, bench.loop.isAwaited]).toEqual([
      false,
      false,
      true,
    ]);
    expect([bench.machine.isInsideEntry, bench.machine.state.appliedIndex, bench.entries]).toEqual([
      true,
      1,
      [],
    ]);
    expect(bench.loop.lookingSinceMs).toBeGreaterThan(0);
    bench.loop.add([bench.entry(1)]);
    expect([bench.loop.slice(), bench.loop.handedOut]).toEqual([false, 4]);
    expect(toldTo(sink)).toEqual(['written 1']);
    bench.looks[0]?.({ value: new Uint8Array(0), sequence: 1, marked: false });
    await bench.machine.lookEnded();
    expect([bench.woken, bench.loop.hasWork]).toEqual([1, true]);
    expect(bench.loop.slice()).toBe(false);
    expect(toldTo(sink)).toEqual(['written 1', 'refused 1 was 1', 'written 2']);
    expect([bench.entries, bench.loop.isIdle, bench.loop.lookingSinceMs]).toEqual([
      [2, 3, 4],
      true,
      null,
    ]);
  });

  it('tells those whose time runs out during a look, and answers nobody twice', async () => {
    const bench = new Bench(1000);
    const sink = bench.await(2, [1, 2], 50);
    const looking = (key: string) => put(key, 'v', null, { ifAbsent: true });
    bench.loop.add([bench.entryOf([looking('a'), looking('b')])]);
    bench.loop.slice();
    bench.loop.expire(49);
    expect(sink.answers.size).toBe(0);
    bench.loop.expire(50);
    expect(toldTo(sink)).toEqual(['IN_DOUBT UNKNOWN', 'IN_DOUBT UNKNOWN']);
    expect(bench.loop.isAwaited).toBe(false);
    for (const at of [0, 1]) {
      bench.looks[at]?.(null);
      await bench.machine.lookEnded();
      bench.loop.slice();
    }
    expect([bench.entries, bench.machine.state.revision]).toEqual([[2], 2]);
  });

  it('stops where a look finds damage: no answer, nothing of the command and nothing after it', async () => {
    const bench = new Bench(1000);
    const sink = bench.await(2, [1, 2]);
    bench.loop.add([
      bench.entryOf([put('a', 'v', null, { returnPrevious: true }), put('b', 'v')]),
      bench.entry(1),
    ]);
    bench.loop.slice();
    bench.rejectLook(Object.assign(new Error('a bad block'), { code: 'SST_CORRUPT' }));
    await bench.machine.lookEnded();
    expect(() => bench.loop.slice()).toThrow('a bad block');
    expect(sink.answers.size).toBe(0);
    expect(bench.loop.halt()?.answers.open).toBe(2);
    expect([bench.loop.slice(), bench.entries, bench.machine.state.revision]).toEqual([
      false,
      [],
      0,
    ]);
  });

  it('that is halted during a look does nothing when that ends', async () => {
    const bench = new Bench(1000);
    const sink = bench.await(2, [1]);
    bench.loop.add([bench.entryOf([put('a', 'v', null, { ifAbsent: true })])]);
    bench.loop.slice();
    expect(bench.loop.halt()?.answers.open).toBe(1);
    bench.looks[0]?.(null);
    await bench.machine.lookEnded();
    expect([bench.loop.hasWork, bench.loop.slice(), bench.loop.lookingSinceMs]).toEqual([
      false,
      false,
      null,
    ]);
    expect([sink.answers.size, bench.machine.state.revision]).toEqual([0, 0]);
  });

  it('INVARIANT(entry-whole): stops at an entry without its checksum, and at one of another type', () => {
    const codeOfSlice = (change: Partial<Entry>): unknown => {
      const bench = new Bench(100);
      bench.loop.add([{ ...bench.entry(1), ...change }]);
      try {
        bench.loop.slice();
        return null;
      } catch (error) {
        expect(bench.machine.state).toMatchObject({ revision: 0, appliedIndex: 1 });
        return codeOf(error);
      }
    };
    expect(codeOfSlice({ checksum: 1 })).toBe('REPLICA_ENTRY_DAMAGED');
    expect(codeOfSlice({ data: new Uint8Array(0) })).toBe('REPLICA_ENTRY_DAMAGED');
    const newer = new Uint8Array([9, 9]);
    expect(codeOfSlice({ data: newer, checksum: crc32(newer) })).toBe('REPLICA_ENTRY_FORMAT');
    expect(codeOfSlice({ type: 1 })).toBe('REPLICA_ENTRY_FORMAT');
    expect(codeOfSlice({})).toBeNull();
  });
});
