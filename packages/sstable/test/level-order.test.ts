import fc from 'fast-check';
import type { DbEvents } from '../src/events.js';
import { findOrderDamage } from './support/check-levels.js';
import { dump, Machine, put } from './support/databases.js';
import { bytes } from './support/entries.js';

const write = fc.record({ key: fc.nat(30), isDelete: fc.boolean(), size: fc.nat(60) });
const round = fc.record({
  writes: fc.array(write, { minLength: 1, maxLength: 12 }),
  /** Virtual milliseconds until the next round: flushes and compactions go on meanwhile. */
  restMs: fc.constantFrom(0, 0, 0.5, 3, 50),
  floorAgo: fc.option(fc.nat(40), { nil: undefined }),
  isManual: fc.boolean(),
});
const optionsArbitrary = fc.record({
  tableBytes: fc.constantFrom(150, 800),
  level0Tables: fc.constantFrom(1, 2, 4),
  level1Bytes: fc.constantFrom(200, 1000),
  blockBytes: fc.constantFrom(60, 4096),
});

describe('the order of the levels (I8)', () => {
  it('holds after every flush and every compaction, in threads and on the loop', async () => {
    let checks = 0;
    const reasons = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        optionsArbitrary,
        fc.boolean(),
        fc.array(round, { minLength: 10, maxLength: 24, size: 'max' }),
        async (options, isThreaded, rounds) => {
          const damage: string[] = [];
          const check = (): void => {
            checks++;
            const found = findOrderDamage(machine.fs, '/data/db');
            if (found !== null) damage.push(found);
          };
          const events: DbEvents = {
            flushInstalled: check,
            compactionInstalled: ({ reason, writtenBytes }) => {
              reasons.add(writtenBytes === 0 ? 'move or drop' : reason);
              check();
            },
          };
          const machine = new Machine({ ...options, events }, 0.2);
          const db = await machine.open(isThreaded ? { scheduler: machine.threads() } : {});
          const model = new Map<string, string>();
          let sequence = 0;
          const manual: Promise<void>[] = [];
          for (const { writes, restMs, floorAgo, isManual } of rounds) {
            for (const { key, isDelete, size } of writes) {
              const name = `key${key}`;
              sequence++;
              if (isDelete) db.delete(sequence, bytes(name));
              else put(db, sequence, name, 'v'.repeat(size));
              if (isDelete) model.delete(name);
              else model.set(name, `${'v'.repeat(size)}#${sequence}`);
            }
            db.freeze(bytes(`H${sequence}`));
            if (floorAgo !== undefined) db.setHistoryFloor(Math.max(0, sequence - floorAgo));
            if (isManual && manual.length < 2) manual.push(db.compactRange());
            await machine.settle(restMs);
          }
          await machine.run(Promise.all([...manual, db.flushed()]));
          await machine.run(db.compact());
          expect(damage).toEqual([]);
          const expected = [...model].map(([name, value]) => `${name}=${value}`).sort();
          expect(dump(db).sort()).toEqual(expected);
          await machine.run(db.verifyChecksums());
          await machine.run(db.close());
          expect(machine.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
          expect(machine.fs.openPaths).toEqual([]);
        },
      ),
      { numRuns: 12 },
    );
    expect(checks).toBeGreaterThan(150);
    expect([...reasons].sort()).toEqual([
      'level 0',
      'manual',
      'move or drop',
      'size',
      'tombstones',
    ]);
  });
});
