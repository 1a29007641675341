import { contentsOf, EMBEDDED_DIR, EmbeddedMachine, putText } from '../../test/support/embedded.js';
import { bytes, text } from '../../test/support/entries.js';
import { WriteBatch } from '../batch/write-batch.js';
import { destroyEmbedded } from './destroy.js';
import type { EmbeddedDb } from './embedded-db.js';

const coded = (code: string) => expect.objectContaining({ code });

function logsOf(machine: EmbeddedMachine): string[] {
  return machine.names().filter((name) => name.endsWith('.log'));
}

async function fill(db: EmbeddedDb, machine: EmbeddedMachine, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await machine.run(putText(db, `key${100 + (i % 50)}`, `value${i}`));
  }
}

describe('EmbeddedDb', () => {
  it('reads what was written, and again after it was opened again', async () => {
    const machine = new EmbeddedMachine();
    const db = await machine.open();
    await machine.run(putText(db, 'a', '1'));
    await machine.run(putText(db, 'b', '2', true));
    await machine.run(db.delete(bytes('a')));
    const batch = new WriteBatch().put(bytes('c'), bytes('3')).put(bytes('c'), bytes('4'));
    await machine.run(db.write(batch));
    expect(contentsOf(db)).toEqual(['b=2', 'c=4']);
    expect(text(db.getSync(bytes('c'))!.value)).toBe('4');
    await machine.run(db.close());
    expect(machine.fs.openPaths).toEqual([]);
    const again = await machine.open();
    expect(contentsOf(again)).toEqual(['b=2', 'c=4']);
    expect(logsOf(machine)).toEqual(['000001.log']);
  });

  it('begins a new log when the memtable is full, and removes the old one when it is in tables', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 4000 });
    const db = await machine.open();
    await fill(db, machine, 200);
    await machine.settle(10);
    const { flushes, log } = db.stats();
    expect(flushes).toBeGreaterThan(2);
    expect(logsOf(machine)).toEqual([`${String(log?.number).padStart(6, '0')}.log`]);
    const lines = contentsOf(db);
    expect(lines).toHaveLength(50);
    await machine.run(db.close());
    const again = await machine.open();
    expect(contentsOf(again)).toEqual(lines);
    // No versions of the past are kept.
    await machine.run(again.compactRange({}));
    expect(again.stats().levels.reduce((sum, level) => sum + level.entries, 0)).toBe(50);
  });

  it('reads logs that hold more than a memtable', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1_000_000 });
    const db = await machine.open();
    await fill(db, machine, 200);
    const lines = contentsOf(db);
    await machine.run(db.close());
    const again = await machine.open({ memtableBytes: 1000 });
    expect(contentsOf(again)).toEqual(lines);
    expect(again.stats().flushes).toBeGreaterThan(3);
    await machine.run(putText(again, 'one more', ''));
    await machine.run(again.close());
    expect(contentsOf(await machine.open())).toEqual([...lines, 'one more='].sort());
  });

  it('keeps the order of calls that were not awaited, also while a new log is made', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 2000 }, 1);
    const db = await machine.open();
    const writes = Array.from({ length: 300 }, (_, i) => putText(db, `key${i % 7}`, String(i)));
    expect(db.stats().waitingWrites).toBeGreaterThan(100);
    await machine.run(Promise.all(writes));
    const expected = Array.from({ length: 7 }, (_, i) => `key${(293 + i) % 7}=${293 + i}`).sort();
    expect(contentsOf(db)).toEqual(expected);
  });

  it('copies keys and values of a write that has to wait', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 500 }, 1);
    const db = await machine.open();
    const value = new Uint8Array(600).fill(65);
    const writes = [db.put(bytes('a'), value)];
    const key = bytes('b');
    writes.push(db.put(key, value));
    key.fill(0);
    value.fill(0);
    await machine.run(Promise.all(writes));
    expect(contentsOf(db)).toEqual([`a=${'A'.repeat(600)}`, `b=${'A'.repeat(600)}`]);
  });

  it('makes writes wait while flushes are behind, and goes on by itself', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1000 });
    const db = await machine.open();
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.sst') ? { fault: 'stall' } : 'ok',
    );
    const writes = Array.from({ length: 500 }, (_, i) => putText(db, `k${i}`, 'v'.repeat(50)));
    await machine.settle(1000);
    expect(db.stats().waitingWrites).toBeGreaterThan(50);
    machine.fs.onOperation(null);
    machine.fs.releaseStalled();
    await machine.run(Promise.all(writes));
    expect([contentsOf(db).length, db.stats().waitingWrites]).toEqual([500, 0]);
  });

  it('slows writes down before it makes them wait', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1000 });
    const db = await machine.open();
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.sst') ? { fault: 'stall' } : 'ok',
    );
    const clock = machine.scheduler.clock();
    const begun = clock.monotonicMs();
    const writes = Array.from({ length: 500 }, (_, i) => putText(db, `k${i}`, 'v'.repeat(50)));
    const doneAt: number[] = [];
    for (const write of writes) void write.then(() => doneAt.push(clock.monotonicMs() - begun));
    await machine.settle(1000);
    // At once, with a pause between groups, and then not at all.
    const gaps = doneAt.map((at, i) => at - (doneAt[i - 1] ?? 0)).filter((gap) => gap > 0);
    expect(doneAt[0]).toBe(0);
    expect(gaps.length).toBeGreaterThan(0);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(25);
    expect(doneAt.at(-1)).toBeLessThan(200);
    expect(db.stats().waitingWrites).toBeGreaterThan(50);
    machine.fs.onOperation(null);
    machine.fs.releaseStalled();
    await machine.run(Promise.all(writes));
    await machine.run(db.close());
  });

  it('writes what a pause holds back when it is closed', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1000 });
    const db = await machine.open();
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.sst') ? { fault: 'stall' } : 'ok',
    );
    let written = 0;
    const put = async (): Promise<void> => {
      await putText(db, `k${100 + written}`, 'v'.repeat(50));
      written++;
    };
    const clock = machine.scheduler.clock();
    for (let before = -1; before !== 0 && written < 200; ) {
      const at = clock.monotonicMs();
      await machine.run(put());
      before = clock.monotonicMs() > at ? 0 : -1;
    }
    const last = put();
    const closing = db.close();
    machine.fs.onOperation(null);
    machine.fs.releaseStalled();
    await machine.run(Promise.all([last, closing]));
    expect(contentsOf(await machine.open())).toHaveLength(written);
  });

  it('puts writes that meet into the log in one write, and syncs them once', async () => {
    const machine = new EmbeddedMachine({}, 1);
    const db = await machine.open();
    const seen: string[] = [];
    machine.fs.onOperation(({ kind, path }) => {
      if (path.endsWith('.log')) seen.push(kind);
      return 'ok';
    });
    const writes = Array.from({ length: 64 }, (_, i) => putText(db, `k${i}`, 'v', i % 2 === 0));
    await machine.run(Promise.all(writes));
    expect(seen).toEqual(['write', 'datasync']);
    // Those that come while a sync is under way share the next one.
    seen.length = 0;
    const first = putText(db, 'a', '1', true);
    await machine.settle(0);
    const rest = Array.from({ length: 8 }, (_, i) => putText(db, `b${i}`, '2', true));
    await machine.run(Promise.all([first, ...rest]));
    expect(seen).toEqual(['write', 'datasync', 'write', 'datasync']);
    expect(contentsOf(await machine.afterCrash(0).open())).toHaveLength(64 + 9);
  });

  it('looks for a range in what was written before it, also in the same turn', async () => {
    const machine = new EmbeddedMachine();
    const db = await machine.open();
    const range = (): WriteBatch => new WriteBatch().deleteRange(bytes('a'), bytes('z'));
    const writes = [
      putText(db, 'a', '1'),
      db.write(range()),
      putText(db, 'b', '2'),
      putText(db, 'c', '3'),
      db.write(range().put(bytes('d'), bytes('4'))),
      putText(db, 'e', '5'),
    ];
    await machine.run(Promise.all(writes));
    expect(contentsOf(db)).toEqual(['d=4', 'e=5']);
    machine.kill();
    expect(contentsOf(await machine.open())).toEqual(['d=4', 'e=5']);
  });

  it('refuses the batch that is too large for a log, and not those beside it', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 2 ** 30 });
    const db = await machine.open();
    const large = new WriteBatch().put(bytes('x'), new Uint8Array(64 * 1024 * 1024));
    const writes = [putText(db, 'a', '1'), db.write(large), putText(db, 'b', '2')];
    const ends = await machine.run(Promise.allSettled(writes));
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(contentsOf(db)).toEqual(['a=1', 'b=2']);
  });

  it.each([
    ['ENOSPC', 'SST_NO_SPACE'],
    ['EIO', 'SST_IO'],
  ] as const)(
    'tells all writes of a group when %s cuts it off, and shows none',
    async (fault, code) => {
      const machine = new EmbeddedMachine();
      const db = await machine.open();
      await machine.run(putText(db, 'a', '1', true));
      machine.fs.failNext({ kind: 'write' }, fault);
      const writes = [putText(db, 'b', '2'), putText(db, 'c', '3', true), db.delete(bytes('a'))];
      for (const end of await machine.run(Promise.allSettled(writes))) {
        expect(end).toMatchObject({ status: 'rejected', reason: { code } });
      }
      expect(contentsOf(db)).toEqual(['a=1']);
      machine.kill();
      expect(contentsOf(await machine.open())[0]).toBe('a=1');
    },
  );

  it('has made all synced writes durable when it is closed under them', async () => {
    const machine = new EmbeddedMachine({}, 1);
    const db = await machine.open();
    const first = putText(db, 'a', '1', true);
    await machine.settle(0);
    const second = putText(db, 'b', '2', true);
    await machine.run(Promise.all([db.close(), first, second]));
    machine.crash(0);
    expect(contentsOf(await machine.open())).toEqual(['a=1', 'b=2']);
  });

  it('refuses ranges that hold too much and batches that are too large, and goes on', async () => {
    const machine = new EmbeddedMachine();
    const db = await machine.open();
    const many = new WriteBatch();
    for (let i = 0; i < 1025; i++) many.put(bytes(`k${10_000 + i}`), bytes(''));
    await machine.run(db.write(many));
    const range = new WriteBatch().deleteRange(bytes('k'), bytes('l'));
    await expect(machine.run(db.write(range))).rejects.toThrow(coded('SST_USAGE'));
    const large = new WriteBatch().put(bytes('x'), new Uint8Array(64 * 1024 * 1024));
    await expect(machine.run(db.write(large))).rejects.toThrow(coded('SST_USAGE'));
    await machine.run(db.delete(bytes('k10000')));
    await machine.run(db.write(range));
    expect(contentsOf(db)).toEqual([]);
    await machine.run(db.close());
    expect(contentsOf(await machine.open())).toEqual([]);
  });

  it('shows a snapshot for as long as it is kept', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1000 });
    const db = await machine.open();
    await fill(db, machine, 60);
    const lines = contentsOf(db);
    const snapshot = db.snapshot();
    await fill(db, machine, 120);
    await machine.run(db.compactRange({}));
    expect(contentsOf({ iterator: () => db.iterator({ snapshot }) })).toEqual(lines);
    snapshot.release();
  });

  it('is refused while it is open, and after close', async () => {
    const machine = new EmbeddedMachine();
    const db = await machine.open();
    await expect(machine.open()).rejects.toThrow(coded('SST_LOCKED'));
    await machine.run(db.close());
    const closed = coded('SST_CLOSED');
    await expect(putText(db, 'a', '')).rejects.toThrow(closed);
    await expect(db.flush()).rejects.toThrow(closed);
    expect(() => db.getSync(bytes('a'))).toThrow(closed);
    await machine.run((await machine.open()).close());
  });

  it('is made, or not, as create says', async () => {
    const machine = new EmbeddedMachine();
    await expect(machine.open({ create: 'never' })).rejects.toThrow(coded('SST_MISSING'));
    expect(machine.fs.stat(EMBEDDED_DIR)).toBeNull();
    await machine.run((await machine.open({ create: 'new' })).close());
    await expect(machine.open({ create: 'new' })).rejects.toThrow(coded('SST_EXISTS'));
    await machine.run((await machine.open({ create: 'never' })).close());
  });

  it('can be copied while it is open', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 2000 });
    const db = await machine.open();
    await fill(db, machine, 100);
    const lines = contentsOf(db);
    await machine.run(db.checkpoint('/data/copy'));
    await machine.run(putText(db, 'later', ''));
    const copy = await machine.open({ dir: '/data/copy' });
    expect(contentsOf(copy)).toEqual(lines);
    await machine.run(putText(copy, 'other', ''));
    await machine.run(copy.close());
    expect(contentsOf(await machine.open({ dir: '/data/copy' }))).toEqual([...lines, 'other=']);
  });

  it('rejects what still waits at close', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1000 });
    const db = await machine.open();
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.sst') ? { fault: 'stall' } : 'ok',
    );
    const writes = Array.from({ length: 500 }, (_, i) => putText(db, `k${i}`, 'v'.repeat(50)));
    await machine.settle(100);
    const settled = Promise.allSettled(writes);
    const closing = db.close();
    await machine.settle(100);
    machine.fs.onOperation(null);
    machine.fs.releaseStalled();
    await machine.run(closing);
    const results = await machine.run(settled);
    const written = results.filter(({ status }) => status === 'fulfilled').length;
    expect(written).toBeGreaterThan(10);
    expect(results.slice(written)).toEqual(
      results.slice(written).map(() => ({ status: 'rejected', reason: coded('SST_CLOSED') })),
    );
    expect(contentsOf(await machine.open())).toHaveLength(written);
  });
});

describe('destroying an embedded database', () => {
  it('removes its files, and the directory if nothing else is there', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 1000 });
    const db = await machine.open();
    await fill(db, machine, 60);
    await expect(machine.run(destroyEmbedded(machine.fs, EMBEDDED_DIR))).rejects.toThrow(
      coded('SST_LOCKED'),
    );
    await machine.run(db.close());
    machine.fs.plant(`${EMBEDDED_DIR}/notes.txt`, bytes('mine'));
    await machine.run(destroyEmbedded(machine.fs, EMBEDDED_DIR));
    expect(machine.names()).toEqual(['LOCK', 'notes.txt']);
    machine.fs.remove(`${EMBEDDED_DIR}/notes.txt`);
    await machine.run(destroyEmbedded(machine.fs, EMBEDDED_DIR));
    expect(machine.fs.stat(EMBEDDED_DIR)).toBeNull();
    await machine.run(destroyEmbedded(machine.fs, EMBEDDED_DIR));
    expect(contentsOf(await machine.open())).toEqual([]);
  });

  it('leaves no database that opens with a part of its data, wherever the power fails', async () => {
    let crashes = 0;
    for (let k = 1; ; k++) {
      const machine = new EmbeddedMachine({ memtableBytes: 1000 });
      const db = await machine.open();
      await fill(db, machine, 60);
      const lines = contentsOf(db);
      await machine.run(db.close());
      machine.fs.crashAtOperation(machine.fs.operationCount + k);
      await machine.run(destroyEmbedded(machine.fs, EMBEDDED_DIR)).catch(() => undefined);
      if (!machine.fs.crashed) break;
      crashes++;
      for (const keep of [0, 50, 100]) {
        const after = machine.afterCrash(keep);
        const left = await after.open().catch((error: { code: string }) => error.code);
        if (typeof left === 'string') expect(left).toBe('SST_CORRUPT');
        else expect([[], lines]).toContainEqual(contentsOf(left));
      }
    }
    expect(crashes).toBeGreaterThan(8);
  });
});
