import fc from 'fast-check';
import { dump, Machine, put } from '../../test/support/databases.js';
import { bytes, text } from '../../test/support/entries.js';
import { WriteBatch } from './write-batch.js';

const usage = expect.objectContaining({ code: 'SST_USAGE' });
const corrupt = expect.objectContaining({ code: 'SST_CORRUPT' });

const key = fc.constantFrom('a', 'b', 'c', 'ca', 'd', 'e', 'f');
const operation = fc.oneof(
  fc.record({ op: fc.constant('put' as const), key, value: fc.string({ maxLength: 5 }) }),
  fc.record({ op: fc.constant('delete' as const), key }),
  fc.record({ op: fc.constant('range' as const), start: key, end: key }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function batchOf(operations: readonly Operation[]): WriteBatch {
  const batch = new WriteBatch();
  for (const item of operations) {
    if (item.op === 'put') batch.put(bytes(item.key), bytes(item.value));
    else if (item.op === 'delete') batch.delete(bytes(item.key));
    else batch.deleteRange(bytes(item.start), bytes(item.end));
  }
  return batch;
}

/** What the operations make of a map, one by one. */
function applyTo(model: Map<string, string>, operations: readonly Operation[]): void {
  for (const item of operations) {
    if (item.op === 'put') model.set(item.key, item.value);
    else if (item.op === 'delete') model.delete(item.key);
    else
      for (const at of [...model.keys()]) if (at >= item.start && at < item.end) model.delete(at);
  }
}

function shown(model: Map<string, string>): string[] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([at, value]) => `${at}=${value}`);
}

describe('WriteBatch', () => {
  it('counts operations and bytes, and forgets them', () => {
    const batch = batchOf([
      { op: 'put', key: 'ca', value: 'xyz' },
      { op: 'delete', key: 'b' },
      { op: 'range', start: 'a', end: 'c' },
    ]);
    expect([batch.size, batch.sizeBytes, batch.hasRanges]).toEqual([3, 8, true]);
    batch.clear();
    expect([batch.size, batch.sizeBytes, batch.hasRanges]).toEqual([0, 0, false]);
  });

  it('has these bytes', () => {
    const batch = batchOf([
      { op: 'put', key: 'ca', value: 'xyz' },
      { op: 'delete', key: 'b' },
      { op: 'range', start: 'a', end: 'c' },
    ]);
    expect(Buffer.from(batch.encode()).toString('hex')).toBe(
      '014cf1fc5503000000' + '010263610378797a' + '000162' + '0f01610163',
    );
  });

  it('comes back from its bytes', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const encoded = batchOf(operations).encode();
        const decoded = WriteBatch.decode(encoded);
        expect(decoded.size).toBe(operations.length);
        expect(decoded.encode()).toEqual(encoded);
      }),
    );
  });

  it('refuses bytes that were changed, cut off or lengthened', () => {
    const encoded = batchOf([
      { op: 'put', key: 'ca', value: 'xyz' },
      { op: 'range', start: 'a', end: 'c' },
    ]).encode();
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const changed = encoded.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => WriteBatch.decode(changed)).toThrow(corrupt);
    }
    for (let length = 0; length < encoded.length; length++) {
      expect(() => WriteBatch.decode(encoded.slice(0, length))).toThrow(corrupt);
    }
    expect(() => WriteBatch.decode(Uint8Array.of(...encoded, 0))).toThrow(corrupt);
  });

  it('never throws anything else at bytes of strangers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        expect(() => WriteBatch.decode(garbage)).toThrow(corrupt);
      }),
    );
  });

  it('refuses keys and values that are too long', () => {
    const long = new Uint8Array(65_536);
    const batch = new WriteBatch();
    expect(() => batch.put(long, bytes(''))).toThrow(usage);
    expect(() => batch.delete(long)).toThrow(usage);
    expect(() => batch.deleteRange(bytes('a'), long)).toThrow(usage);
    expect(() => batch.put(bytes('a'), new Uint8Array(64 * 1024 * 1024 + 1))).toThrow(usage);
    expect(batch.size).toBe(0);
  });
});

describe('writing a batch', () => {
  it('does what its operations do one by one, at one sequence', async () => {
    const machine = new Machine();
    const db = await machine.open();
    const model = new Map<string, string>();
    let sequence = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 5 }),
        async (operations, chance) => {
          applyTo(model, operations);
          db.write(++sequence, batchOf(operations));
          expect(db.lastSequence).toBe(sequence);
          const lines = dump(db);
          expect(lines.map((line) => line.slice(0, line.lastIndexOf('#')))).toEqual(shown(model));
          if (chance === 0) await machine.flush(db, `H${sequence}`);
        },
      ),
      { numRuns: 200 },
    );
    await machine.run(db.compact());
    expect(dump(db)).toHaveLength(model.size);
  });

  it('takes a sequence above all that were written, and none for nothing', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 5, 'a');
    const batch = new WriteBatch().put(bytes('b'), bytes('1'));
    for (const sequence of [4, 5, 5.5, 2 ** 48]) {
      expect(() => db.write(sequence, batch)).toThrow(usage);
    }
    db.write(6, batch);
    db.write(2, new WriteBatch());
    expect([db.lastSequence, dump(db)]).toEqual([6, ['a=a@5#5', 'b=1#6']]);
  });

  it('copies what it is given', async () => {
    const machine = new Machine();
    const db = await machine.open();
    const [name, value] = [bytes('k'), bytes('v')];
    db.write(1, new WriteBatch().put(name, value));
    name.fill(0);
    value.fill(0);
    expect(dump(db)).toEqual(['k=v#1']);
  });

  it('refuses ranges with more than 1,024 keys, and has written nothing then', async () => {
    const machine = new Machine();
    const db = await machine.open();
    for (let i = 1; i <= 1025; i++) put(db, i, `k${10_000 + i}`, '');
    const whole = new WriteBatch().put(bytes('a'), bytes('')).deleteRange(bytes('k'), bytes('l'));
    expect(() => db.write(2000, whole)).toThrow(usage);
    expect([dump(db).length, db.lastSequence]).toEqual([1025, 1025]);
    db.delete(1026, bytes('k10001'));
    db.write(2000, whole);
    expect(dump(db)).toEqual(['a=#2000']);
    expect(text(db.resolve(whole).encode())).not.toBe('');
  });

  it('writes nothing when a range cannot be looked into', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H');
    machine.fs.failNext({ kind: 'read' }, 'EIO');
    const batch = new WriteBatch().put(bytes('b'), bytes('')).deleteRange(bytes('a'), bytes('b'));
    expect(() => db.write(2, batch)).toThrow(expect.objectContaining({ code: 'SST_IO' }));
    expect([dump(db), db.lastSequence]).toEqual([['a=a@1#1'], 1]);
  });
});

describe('deleteRange', () => {
  it('deletes so many keys and says where to go on', async () => {
    const machine = new Machine();
    const db = await machine.open();
    for (const [i, name] of ['a', 'b', 'c', 'd', 'e'].entries()) put(db, i + 1, name);
    await machine.flush(db, 'H');
    db.delete(6, bytes('b'));
    const range = { start: bytes('a'), end: bytes('e') };
    const first = db.deleteRange(7, range, 2);
    expect([first.deleted, text(first.resumeKey!)]).toEqual([2, 'd']);
    expect(dump(db)).toEqual(['d=d@4#4', 'e=e@5#5']);
    // The versions from before are still there.
    expect(db.getSync(bytes('c'), 6)).not.toBeNull();
    expect(db.deleteRange(8, range, 2)).toEqual({ deleted: 1, resumeKey: null });
    expect(db.deleteRange(9, range)).toEqual({ deleted: 0, resumeKey: null });
    expect(db.lastSequence).toBe(8);
  });

  it('wants a limit from 1 to 1,024 and a new sequence', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    for (const limit of [0, 1025, Number.NaN]) {
      expect(() => db.deleteRange(2, {}, limit)).toThrow(usage);
    }
    expect(() => db.deleteRange(1, {})).toThrow(usage);
    expect(dump(db)).toEqual(['a=a@1#1']);
  });
});
