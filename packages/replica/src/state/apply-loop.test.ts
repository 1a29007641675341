import { type Clock, crc32, silentMetrics } from '@dougdb/ports';
import type { Entry } from '@dougdb/raft-core';
import { PartitionDescriptor } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
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
  readonly pending = new Map<number, PendingEntry>();
  readonly machine: StateMachine;
  readonly loop: ApplyLoop;
  #logTime = 1;
  #index = 2;

  constructor(sliceMs: number) {
    const db = { put: () => undefined, delete: () => undefined };
    const descriptor = { ...PartitionDescriptor.decode(new Uint8Array(0)) };
    this.machine = new StateMachine(genesisState(descriptor, 0), db as unknown as Db);
    this.loop = new ApplyLoop({
      machine: this.machine,
      clock: new BusyClock(),
      sliceMs,
      refusals: new Refusals(() => ({}) as never),
      telemetry: replicaTelemetry(silentMetrics),
      takePending: (index) => this.pending.get(index) ?? null,
      onEntry: () => {
        expect(this.machine.isInsideEntry).toBe(false);
        this.entries.push(this.machine.state.appliedIndex);
      },
    });
  }

  entry(commands: number): Entry {
    const writer = new EntryWriter();
    for (let i = 0; i < commands; i++) {
      const command = put(`k${i}`, 'v');
      writer.add(command, 0, command.length);
    }
    const { data, checksum } =
      commands === 0 ? { data: new Uint8Array(0), checksum: 0 } : writer.take(this.#logTime++, 0);
    return { index: this.#index++, term: 1, type: 0, data, checksum };
  }
}

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
