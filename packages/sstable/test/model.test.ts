import fc from 'fast-check';
import { BlockCache } from '../src/block-cache.js';
import type { DbIterator, Found, IteratorOptions } from '../src/contract.js';
import type { Db } from '../src/db.js';
import { Kind } from '../src/encoding/internal-key.js';
import { findOrderDamage } from './support/check-levels.js';
import { dump, get, here, Machine, shown } from './support/databases.js';
import { bytes, text } from './support/entries.js';
import { Model } from './support/model.js';

// Loops over hundreds of crashes and faults: on a busy machine they take their time.
jest.setTimeout(120_000);

const key = fc.oneof(
  fc.constantFrom('a', 'aa', 'ab', 'b', 'ba', 'c'),
  fc.nat(40).map((n) => `k${n}`),
);
const ago = fc.nat(30);

const operation = fc.oneof(
  {
    weight: 26,
    arbitrary: fc.record({
      op: fc.constant('put' as const),
      key,
      size: fc.nat(40),
      kind: fc.constantFrom(Kind.Set, Kind.Set, Kind.SetMarked),
    }),
  },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('command' as const), keys: fc.uniqueArray(key) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('freeze' as const) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('settle' as const), us: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('floor' as const), ago }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('get' as const), key, ago }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('look' as const), key, ago }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('iterate' as const),
      start: fc.option(key, { nil: undefined }),
      end: fc.option(key, { nil: undefined }),
      reverse: fc.boolean(),
      ago: fc.option(ago, { nil: undefined }),
      seeks: fc.array(fc.tuple(key, fc.nat(4)), { maxLength: 3 }),
      /** Left open, and read to its end at a later step. */
      isKept: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('verify' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('reopen' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('crash' as const), keep: fc.constantFrom(0, 50, 100) }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const optionsArbitrary = fc.record({
  memtableBytes: fc.constantFrom(300, 1000, 4000),
  blockBytes: fc.constantFrom(1, 60, 500, 4096),
  tableBytes: fc.constantFrom(1, 300, 2000),
  level0Tables: fc.constantFrom(1, 2, 4),
  level1Bytes: fc.constantFrom(300, 1500, 10_000),
  cache: fc.constantFrom(0, 700, 100_000).map((capacityBytes) => new BlockCache(capacityBytes)),
});

/** Plays operations on a database and on the model, and compares what they show. */
class Play {
  readonly machine: Machine;
  readonly model = new Model();
  db: Db;
  #kept: { readonly iterator: DbIterator; readonly expected: string[] }[] = [];
  /** Looks that may still be under way: each compares for itself. */
  #looks: Promise<void>[] = [];
  #freezes = 0;

  constructor(machine: Machine, db: Db) {
    this.machine = machine;
    this.db = db;
  }

  async step(operation: Operation): Promise<void> {
    switch (operation.op) {
      case 'put':
        this.#write(operation.key, operation.kind, 'v'.repeat(operation.size));
        break;
      case 'delete':
        this.model.sequence++;
        this.model.write(operation.key, Kind.Delete);
        this.db.delete(this.model.sequence, bytes(operation.key));
        break;
      case 'command':
        this.model.sequence++;
        for (const name of operation.keys) {
          const { value } = this.model.write(name, Kind.Set, `together${this.model.sequence}`);
          this.db.put(this.model.sequence, bytes(name), bytes(value));
        }
        break;
      case 'freeze':
        this.#freeze();
        break;
      case 'settle':
        await this.machine.settle(operation.us / 1000);
        break;
      case 'floor':
        this.model.floor = Math.max(this.model.floor, this.model.sequence - operation.ago);
        this.db.setHistoryFloor(this.model.floor);
        break;
      case 'get': {
        const atMost = this.#readable(operation.ago);
        expect(get(this.db, operation.key, atMost)).toBe(this.model.get(operation.key, atMost));
        expect(get(this.db, operation.key)).toBe(
          this.model.get(operation.key, this.model.sequence),
        );
        break;
      }
      case 'look':
        this.#look(operation.key, this.#readable(operation.ago));
        break;
      case 'iterate':
        this.#iterate(operation);
        break;
      case 'compact':
        await this.machine.run(this.db.compact());
        break;
      case 'verify':
        await this.machine.run(this.db.verifyChecksums());
        break;
      case 'reopen':
        this.#drainKept();
        await this.#endLooks();
        await this.machine.run(this.db.close());
        expect(this.machine.fs.openPaths).toEqual([]);
        expect(findOrderDamage(this.machine.fs, '/data/db')).toBeNull();
        await this.#open();
        break;
      case 'crash':
        this.#kept = [];
        // They end, or not, with the process.
        for (const look of this.#looks.splice(0)) look.catch(() => undefined);
        this.machine.crash(operation.keep);
        await this.machine.settle(10);
        await this.#open();
        break;
    }
  }

  async end(): Promise<void> {
    this.#drainKept();
    await this.#endLooks();
    expect(this.machine.errors).toEqual([]);
    this.#freeze();
    await this.machine.run(this.db.flushed());
    await this.machine.run(this.db.compact());
    await this.machine.run(this.db.verifyChecksums());
    expect(dump(this.db)).toEqual(this.model.list());
    const tables = this.db.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    const names = this.machine.names();
    expect(names.filter((name) => name.endsWith('.sst'))).toHaveLength(tables);
    expect(names.filter((name) => !name.endsWith('.sst'))).toHaveLength(2);
    await this.machine.run(this.db.close());
    expect(this.machine.fs.openPaths).toEqual([]);
    expect(findOrderDamage(this.machine.fs, '/data/db')).toBeNull();
  }

  async #open(): Promise<void> {
    const { installed } = this.machine;
    this.machine.errors.length = 0;
    this.db = await this.machine.open();
    this.db.setHistoryFloor(this.model.floor);
    const state = this.db.hostState === null ? null : text(this.db.hostState);
    // INVARIANT(frontier-atomic): one of the frozen states, not older than the last one told.
    expect(Number(state?.slice(1) ?? 0)).toBeGreaterThanOrEqual(
      Number(installed.at(-1)?.slice(1) ?? 0),
    );
    this.model.restart(state);
    this.model.sequence = Math.max(this.model.sequence, this.db.lastSequence);
    expect(dump(this.db)).toEqual(this.model.list());
  }

  #write(name: string, kind: Kind, value: string): void {
    this.model.sequence++;
    const { sequence } = this.model.write(name, kind, value);
    if (kind === Kind.SetMarked) this.db.putMarked(sequence, bytes(name), bytes(value));
    else this.db.put(sequence, bytes(name), bytes(value));
    if (this.db.wantsFreeze) this.#freeze();
  }

  #freeze(): void {
    const state = `H${++this.#freezes}`;
    this.model.freeze(state);
    this.db.freeze(bytes(state));
  }

  /** A sequence that may be read at. */
  #readable(ago: number): number {
    return Math.max(this.model.floor, this.model.sequence - ago);
  }

  #look(name: string, atMost: number): void {
    const expected = this.model.get(name, atMost);
    const found = this.db.look(bytes(name), { sequence: atMost });
    const compare = (seen: Found | null): void => expect(seen && shown(seen)).toBe(expected);
    if (found instanceof Promise) this.#looks.push(found.then(compare));
    else compare(found);
  }

  async #endLooks(): Promise<void> {
    await this.machine.run(Promise.all(this.#looks.splice(0)));
  }

  #iterate(operation: Extract<Operation, { op: 'iterate' }>): void {
    const { start, end, reverse, seeks } = operation;
    const sequence = operation.ago === undefined ? undefined : this.#readable(operation.ago);
    const expected = this.model.list({
      start,
      end,
      reverse,
      sequence: sequence ?? this.model.sequence,
    });
    const options: IteratorOptions = {
      reverse,
      ...(start === undefined ? {} : { start: bytes(start) }),
      ...(end === undefined ? {} : { end: bytes(end) }),
      ...(sequence === undefined ? {} : { sequence }),
    };
    if (operation.isKept) {
      this.#kept.push({ iterator: this.db.iterator(options), expected });
      return;
    }
    const iterator = this.db.iterator(options);
    expect(all(iterator)).toEqual(expected);
    for (const [target, steps] of seeks) {
      const at = expected.findIndex((line) => {
        const name = line.slice(0, line.indexOf('='));
        return reverse ? name <= target : name >= target;
      });
      const tail = at < 0 ? [] : expected.slice(at, at + steps + 1);
      const seen = iterator.seek(bytes(target)) ? [here(iterator)] : [];
      while (seen.length > 0 && seen.length < steps + 1 && iterator.next())
        seen.push(here(iterator));
      expect(seen).toEqual(tail);
    }
    iterator.close();
  }

  #drainKept(): void {
    for (const { iterator, expected } of this.#kept) {
      expect(all(iterator)).toEqual(expected);
      iterator.close();
    }
    this.#kept = [];
  }
}

function all(iterator: DbIterator): string[] {
  const list: string[] = [];
  while (iterator.next()) list.push(here(iterator));
  return list;
}

describe('a database, held against a map of versions', () => {
  it('shows the same, whatever is written, frozen, compacted, reopened and lost in crashes', async () => {
    await fc.assert(
      fc.asyncProperty(
        optionsArbitrary,
        fc.boolean(),
        fc.array(operation, { minLength: 20, maxLength: 250, size: 'max' }),
        async (options, isSlow, operations) => {
          const machine = new Machine(options, isSlow ? 0.5 : 0);
          const play = new Play(machine, await machine.open());
          for (const operation of operations) await play.step(operation);
          await play.end();
        },
      ),
      { numRuns: 45 },
    );
  });
});
