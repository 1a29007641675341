import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { BlockCache, Db } from '@dougdb/sstable';
import { putStored } from '../format/stored-value.js';
import { EventPlace } from './event-place.js';
import { VersionWindow } from './version-window.js';
import { positionAt, type WatchPosition } from './watch-position.js';

const SEED = Number(process.env.DOUG_SEED ?? 1);
const NONE = new Uint8Array(0);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

interface Written {
  readonly revision: number;
  readonly key: string;
  readonly isDelete: boolean;
}

/** A database with a history in memtables and tables of several levels, and what was written to it. */
class Fixture {
  readonly random = new SimRandom(SEED);
  readonly written: Written[] = [];
  revision = 0;

  private constructor(
    readonly db: Db,
    readonly scheduler: SimScheduler,
  ) {}

  static async open(): Promise<Fixture> {
    const scheduler = new SimScheduler();
    const clock = scheduler.clock();
    const db = await scheduler.runWhilePending(
      Db.open({
        fs: new SimFs({ clock }),
        clock,
        random: new SimRandom(SEED),
        dir: '/db',
        quarantineDir: '/quarantine',
        identity: Uint8Array.of(1),
        cache: new BlockCache(1 << 20),
        level0Tables: 2,
      }),
    );
    return new Fixture(db, scheduler);
  }

  /** One revision with some keys. */
  write(count: number): void {
    this.revision++;
    const keys = Array.from(
      { length: count },
      () => `k${String(this.random.int(40)).padStart(2, '0')}`,
    );
    for (const key of [...new Set(keys)].sort()) {
      const isDelete = this.random.int(4) === 0;
      if (isDelete) this.db.delete(this.revision, bytes(key));
      else
        putStored(
          this.db,
          this.revision,
          bytes(key),
          new Uint8Array(this.random.int(50)),
          this.random.int(2),
        );
      this.written.push({ revision: this.revision, key, isDelete });
    }
  }

  async flush(): Promise<void> {
    this.db.freeze(NONE);
    await this.scheduler.runWhilePending(this.db.flushed());
  }

  /** 'key@revision' of what stands behind a position, window by window. */
  windows(from: WatchPosition, memoryBytes: number, events: number, more = {}): string[][] {
    const windows: string[][] = [];
    let position = from;
    while (position.revision < this.revision) {
      const window = new VersionWindow({
        ...{ db: this.db, from: position, through: this.revision, start: bytes('k'), end: NONE },
        ...{ noPuts: false, noDeletes: false, bounds: { memoryBytes, events } },
        ...more,
      });
      while (!window.collect(() => true));
      const place = new EventPlace();
      const list: string[] = [];
      for (; window.peek(place); window.advance()) {
        const { chunk, index } = place;
        if (chunk !== null) list.push(`${text(chunk.key(index))}@${chunk.revision(index)}`);
      }
      expect(window.memoryBytes).toBeLessThan(2 * memoryBytes + 4096);
      const before = position;
      position = window.end;
      const isAhead =
        position.revision > before.revision || text(position.lastKey) > text(before.lastKey);
      expect(isAhead).toBe(true);
      window.close();
      windows.push(list);
    }
    return windows;
  }

  expected(wanted: (written: Written) => boolean): string[] {
    return this.written.filter(wanted).map(({ key, revision }) => `${key}@${revision}`);
  }
}

describe('windows over versions', () => {
  it(`show every change behind a position once and in order, however small they are, DOUG_SEED=${SEED}`, async () => {
    const fixture = await Fixture.open();
    for (let n = 0; n < 120; n++) {
      fixture.write(n % 50 === 7 ? 60 : 1 + fixture.random.int(3));
      if (fixture.random.int(20) === 0) await fixture.flush();
    }
    await fixture.flush();
    await fixture.scheduler.runWhilePending(fixture.db.compact());
    for (let n = 0; n < 30; n++) fixture.write(2);
    expect(fixture.db.stats().levels.filter(({ tables }) => tables > 0).length).toBeGreaterThan(0);
    const all = fixture.expected(() => true);
    for (const [memoryBytes, events] of [
      [1 << 20, 1 << 16],
      [3000, 1 << 16],
      [1 << 20, 20],
      [1 << 20, 3],
      [400, 2],
    ] as const) {
      const windows = fixture.windows(positionAt(0), memoryBytes, events);
      expect(windows.flat()).toEqual(all);
      if (events < 1000)
        for (const list of windows) expect(list.length).toBeLessThanOrEqual(events + 1);
      const from = { revision: 57, lastKey: bytes('k20') };
      expect(fixture.windows(from, memoryBytes, events).flat()).toEqual(
        fixture.expected(({ revision, key }) => revision > 58 || (revision === 58 && key > 'k20')),
      );
    }
    expect(fixture.windows(positionAt(3), 9000, 50, { noPuts: true }).flat()).toEqual(
      fixture.expected(({ revision, isDelete }) => revision > 3 && isDelete),
    );
    expect(
      fixture.windows(positionAt(3), 9000, 50, { noDeletes: true, end: bytes('k3') }).flat(),
    ).toEqual(
      fixture.expected(({ revision, isDelete, key }) => revision > 3 && !isDelete && key < 'k3'),
    );
    expect(fixture.db.stats().iterators).toBe(0);
    await fixture.scheduler.runWhilePending(fixture.db.close());
  });
});
