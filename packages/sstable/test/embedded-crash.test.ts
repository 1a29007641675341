import { LOG_HEAD_BYTES } from '../src/embedded/batch-log.js';
import type { EmbeddedDb } from '../src/embedded/embedded-db.js';
import { WriteBatch } from '../src/index.js';
import { contentsOf, EMBEDDED_DIR, EmbeddedMachine, putText } from './support/embedded.js';
import { bytes } from './support/entries.js';
import { isFull, TIMEOUT_MS } from './support/share.js';

jest.setTimeout(TIMEOUT_MS);

const OPTIONS = { memtableBytes: 900, level0Tables: 2, blockBytes: 100, tableBytes: 700 };
const WRITES = 60;
/** Of the operations each n-th one; all of them in the full run. */
const STEP = isFull ? 1 : 3;

/** The n-th write: mostly one key, sometimes a batch of three with a deletion. */
function batchOf(n: number): WriteBatch {
  const batch = new WriteBatch().put(bytes(`key${n % 9}`), bytes(`value${n}`));
  if (n % 5 === 0)
    batch.put(bytes(`also${n % 3}`), bytes(String(n))).delete(bytes(`key${(n + 4) % 9}`));
  return batch;
}

/** What the first `count` writes make. */
function contentsAfter(count: number): string[] {
  const model = new Map<string, string>();
  for (let n = 1; n <= count; n++) {
    model.set(`key${n % 9}`, `value${n}`);
    if (n % 5 === 0) {
      model.set(`also${n % 3}`, String(n));
      model.delete(`key${(n + 4) % 9}`);
    }
  }
  return [...model].map(([key, value]) => `${key}=${value}`).sort();
}

/** How many writes the contents are of; -1: they are of none. */
function prefixOf(contents: readonly string[]): number {
  const wanted = JSON.stringify(contents);
  for (let count = 0; count <= WRITES; count++) {
    if (JSON.stringify(contentsAfter(count)) === wanted) return count;
  }
  return -1;
}

const yes = (): boolean => true;
const no = (): boolean => false;

class Writer {
  readonly machine: EmbeddedMachine;
  db: EmbeddedDb | null = null;
  /** Writes that were begun, that resolved, and that resolved with sync. */
  begun = 0;
  done = 0;
  synced = 0;
  readonly errors: string[] = [];

  constructor(machine: EmbeddedMachine) {
    this.machine = machine;
  }

  /** Two of three writes are awaited; every seventh is synced; opened again in the middle. */
  async play(): Promise<void> {
    try {
      this.db = await this.machine.open();
      while (this.begun < WRITES && !this.machine.fs.crashed && this.errors.length === 0) {
        await this.#write();
        if (this.begun === WRITES / 2) await this.#reopen();
      }
      if (!this.machine.fs.crashed) await this.machine.run(this.db.flush());
      const { db } = this;
      this.db = null;
      if (!this.machine.fs.crashed) await this.machine.run(db.close());
    } catch (error) {
      this.#note(error);
    }
  }

  async #write(): Promise<void> {
    const n = ++this.begun;
    const sync = n % 7 === 0;
    const writing = (this.db as EmbeddedDb).write(batchOf(n), { sync }).then(
      () => {
        this.done = Math.max(this.done, n);
        if (sync) this.synced = Math.max(this.synced, n);
      },
      (error: unknown) => this.#note(error),
    );
    if (sync || n % 3 !== 0) await this.machine.run(writing);
  }

  async #reopen(): Promise<void> {
    const { db } = this;
    this.db = null;
    await this.machine.run((db as EmbeddedDb).close());
    this.synced = Math.max(this.synced, this.done);
    this.db = await this.machine.open();
  }

  #note(error: unknown): void {
    const { code } = error as { code?: string };
    if (code === undefined || !/^(SST_|ESIMCRASH)/.test(code)) throw error;
    this.errors.push(code);
  }
}

async function operationsOf(play: () => Promise<Writer>): Promise<number> {
  return (await play()).machine.fs.operationCount;
}

async function playUntil(operation: number, syncDelayMs = 0): Promise<Writer> {
  const machine = new EmbeddedMachine(OPTIONS, syncDelayMs);
  machine.fs.crashAtOperation(operation);
  const writer = new Writer(machine);
  await writer.play();
  return writer;
}

async function check(machine: EmbeddedMachine, { begun, synced }: Writer): Promise<number> {
  const db = await machine.open();
  const count = prefixOf(contentsOf(db));
  expect(count).toBeGreaterThanOrEqual(synced);
  expect(count).toBeLessThanOrEqual(begun);
  // It goes on from there.
  await machine.run(putText(db, 'zzz', 'more', true));
  await machine.run(db.delete(bytes('zzz'), { sync: true }));
  await machine.run(db.compact());
  await machine.run(db.verifyChecksums());
  await machine.run(db.close());
  expect(machine.fs.openPaths).toEqual([]);
  return count;
}

describe('an embedded database', () => {
  it('writes what the model does', async () => {
    const writer = await playUntil(Number.POSITIVE_INFINITY);
    expect([writer.begun, writer.done, writer.errors]).toEqual([WRITES, WRITES, []]);
    expect(await check(writer.machine, writer)).toBe(WRITES);
    // The loops below see new logs, flushes and compactions.
    const logs = writer.machine.names().filter((name) => name.endsWith('.log'));
    expect(Number(logs.at(-1)?.slice(0, 6))).toBeGreaterThan(4);
  });

  it('has a prefix of the writes with all that were synced, wherever the power fails', async () => {
    const total = await operationsOf(() => playUntil(Number.POSITIVE_INFINITY, 1));
    const counts = new Set<number>();
    for (let k = 1; k <= total; k += STEP) {
      const writer = await playUntil(k, k % 2);
      if (!writer.machine.fs.crashed) continue;
      for (const keep of [0, 50, 100]) {
        const machine = writer.machine.afterCrash(keep);
        const count = await check(machine, writer);
        counts.add(count);
        machine.crash(0);
        expect(await check(machine, writer)).toBe(count);
      }
    }
    expect(counts.size).toBeGreaterThan(WRITES / 2);
  });

  it('has the same after a second crash in its recovery', async () => {
    const total = await operationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    for (let k = 3; k <= total; k += 17 * STEP) {
      const writer = await playUntil(k);
      const whole = prefixOf(contentsOf(await writer.machine.afterCrash(100).open()));
      for (let j = 1; ; j++) {
        const machine = writer.machine.afterCrash(100);
        machine.fs.crashAtOperation(j);
        await machine.open().catch(() => null);
        if (!machine.fs.crashed) break;
        expect(prefixOf(contentsOf(await machine.afterCrash((j % 3) * 50).open()))).toBe(whole);
      }
    }
  });

  it('has every write that resolved when its process is killed', async () => {
    const total = await operationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    for (let k = 1; k <= total; k += 1 + STEP) {
      const writer = await playUntil(k, k % 2);
      const { machine } = writer;
      machine.kill();
      const count = await check(machine, writer);
      expect(count).toBeGreaterThanOrEqual(writer.done);
      machine.crash(0);
      expect(await check(machine, writer)).toBe(count);
    }
  });
});

describe('a fault under an embedded database', () => {
  it('of the disk at any operation loses nothing that was promised', async () => {
    const total = await operationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    let refused = 0;
    for (let k = 1; k <= total; k += STEP) {
      const machine = new EmbeddedMachine(OPTIONS);
      machine.fs.onOperation(({ ordinal }) => (ordinal === k ? 'EIO' : 'ok'));
      const writer = new Writer(machine);
      await writer.play();
      refused += writer.errors.length > 0 ? 1 : 0;
      machine.fs.onOperation(null);
      machine.kill();
      const keep = (k % 3) * 50;
      const after = machine.afterCrash(keep);
      await check(after, writer);
      if (keep === 100) expect(await check(machine, writer)).toBeGreaterThanOrEqual(writer.done);
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('that is a failed sync ends it: nothing is acknowledged any more, reads go on', async () => {
    const machine = new EmbeddedMachine();
    const db = await machine.open();
    await machine.run(putText(db, 'a', '1', true));
    machine.fs.failNext({ kind: 'datasync' }, 'EIO');
    await expect(machine.run(putText(db, 'b', '2', true))).rejects.toMatchObject({
      code: 'SST_IO',
    });
    for (const sync of [true, false]) {
      await expect(machine.run(putText(db, 'c', '3', sync))).rejects.toMatchObject({
        code: 'SST_IO',
      });
    }
    expect(contentsOf(db)).toEqual(['a=1', 'b=2']);
    await expect(machine.run(db.close())).rejects.toMatchObject({ code: 'SST_IO' });
    const again = await machine.open();
    expect(contentsOf(again)).toEqual(['a=1', 'b=2']);
    machine.crash(0);
    // What it showed it has made durable first.
    expect(contentsOf(await machine.open())).toEqual(['a=1', 'b=2']);
  });

  it('that is a full disk refuses writes and ends by itself', async () => {
    const machine = new EmbeddedMachine({ memtableBytes: 20_000 });
    const db = await machine.open();
    await machine.run(putText(db, 'a', '1', true));
    const used = 2 ** 40 - machine.fs.freeBytes('/');
    machine.fs.setCapacity(used + 1000);
    let written = 0;
    const noSpace = expect.objectContaining({ code: 'SST_NO_SPACE' });
    const full = (async () => {
      for (; ; written++) await putText(db, `key${1000 + written}`, 'v'.repeat(100));
    })();
    await expect(machine.run(full)).rejects.toThrow(noSpace);
    expect(written).toBeGreaterThan(2);
    await expect(machine.run(putText(db, 'b', '2'))).rejects.toThrow(noSpace);
    expect(contentsOf(db)).toHaveLength(written + 1);
    await machine.settle(5000);
    await expect(machine.run(putText(db, 'b', '2'))).rejects.toThrow(noSpace);
    // A power loss now has what was synced.
    expect(contentsOf(await machine.afterCrash(0).open())).toContain('a=1');
    machine.fs.setCapacity(2 ** 40);
    await machine.settle(5000);
    await machine.run(putText(db, 'c', '3', true));
    machine.crash(0);
    const again = contentsOf(await machine.open());
    expect([again.length, again.at(-1), again.includes('c=3'), again.includes('b=2')]).toEqual([
      written + 2,
      `key${1000 + written - 1}=${'v'.repeat(100)}`,
      true,
      false,
    ]);
  });

  it('that is a full disk at any operation leaves a database that goes on when there is space', async () => {
    const total = await operationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    let refused = 0;
    for (let k = 2; k <= total; k += STEP) {
      const machine = new EmbeddedMachine(OPTIONS);
      machine.fs.onOperation(({ ordinal }) => (ordinal === k ? 'ENOSPC' : 'ok'));
      const writer = new Writer(machine);
      await writer.play();
      refused += writer.errors.length > 0 ? 1 : 0;
      machine.fs.onOperation(null);
      if (writer.begun < WRITES) {
        let db = writer.db ?? (await machine.open());
        await machine.settle(2000);
        const isRefused = await machine.run(putText(db, 'zzz', '1', true).then(no, yes));
        await machine.settle(2000);
        // A directory whose sync fails ends the process, whatever the reason.
        if (
          isRefused &&
          machine.logger.of('sst.background_error').some(({ level }) => level === 'error')
        ) {
          machine.kill();
          db = await machine.open();
        }
        await machine.run(putText(db, 'zzz', '1', true));
        await machine.run(db.delete(bytes('zzz'), { sync: true }));
        writer.synced = writer.done;
      }
      machine.crash(0);
      await check(machine, writer);
    }
    expect(refused).toBeGreaterThan(5);
  });
});

describe('damage in the logs of an embedded database', () => {
  async function withLogs(): Promise<EmbeddedMachine> {
    const machine = new EmbeddedMachine({ memtableBytes: 100_000 });
    const db = await machine.open();
    for (let n = 1; n <= 5; n++) await machine.run(db.write(batchOf(n), { sync: true }));
    machine.kill();
    return machine;
  }
  const log = `${EMBEDDED_DIR}/000001.log`;

  it('is told with the file, or cut off at the very end: never a wrong answer', async () => {
    const size = (await withLogs()).fs.contents(log).length;
    expect(size).toBeGreaterThan(LOG_HEAD_BYTES);
    let told = 0;
    for (let at = 0; at < size; at += STEP) {
      const machine = await withLogs();
      machine.fs.corrupt(log, at, 1 << (at % 8));
      const opened = await machine.open().catch((error: unknown) => error as Error);
      if (opened instanceof Error) {
        expect(opened).toMatchObject({ file: expect.stringContaining(log) });
        expect(['SST_CORRUPT', 'SST_NEWER_FORMAT']).toContain((opened as { code?: string }).code);
        told++;
      } else {
        // The frame behind tells of the sync of the one before it: only the last can be taken for torn.
        expect([4, 5]).toContain(prefixOf(contentsOf(opened)));
      }
      expect(machine.fs.openPaths.filter((path) => path.endsWith('.log')).length).toBeLessThan(3);
    }
    expect(told).toBeGreaterThan(size / STEP / 2);
  });

  it('is told when a log is missing, or another database’s', async () => {
    const corrupt = expect.objectContaining({ code: 'SST_CORRUPT' });
    const machine = await withLogs();
    const bytesOfLog = machine.fs.contents(log);
    machine.fs.remove(log);
    await expect(machine.open()).rejects.toThrow(corrupt);
    await machine.run((await machine.open({ dir: '/data/other' })).close());
    machine.fs.plant('/data/other/000001.log', bytesOfLog);
    await expect(machine.open({ dir: '/data/other' })).rejects.toThrow(corrupt);
    machine.fs.plant(`${EMBEDDED_DIR}/000003.log`, bytesOfLog);
    await expect(machine.open()).rejects.toThrow(corrupt);
    expect(machine.fs.openPaths).toEqual([]);
  });
});
