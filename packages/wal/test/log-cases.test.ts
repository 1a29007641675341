import { readFileSync } from 'node:fs';
import { crc32 } from '@dougdb/ports';
import { SimFs, SimRandom } from '@dougdb/ports/sim';
import {
  encodeFrameHead,
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  HeadSeed,
} from '../src/format.js';
import { COMPACTED, RecordLog, type Wal } from '../src/index.js';
import { entry, Rig, show } from './rig.js';

// The cases that LevelDB's log is tested with, for this one. docs/leveldb-log-cases.md says which is which.

const PATH = '/db/LOG';
const ID = new TextEncoder().encode('cases');
/** A reader takes the file in pieces of this size: what ends near such a border is the hard part. */
const WINDOW_BYTES = 1024 * 1024;
const HEADER_BYTES = 64 + 8;

type Read = { readonly records: string[]; readonly tail: string };

class LogFile {
  readonly fs = new SimFs();
  #log: RecordLog;

  constructor() {
    this.fs.mkdir('/db');
    this.#log = RecordLog.create(this.fs, PATH, ID);
  }

  get sizeBytes(): number {
    return this.fs.stat(PATH)?.sizeBytes ?? 0;
  }

  /** Each one durable before the next is written, so that each promises those before it. */
  async write(...records: readonly (string | Uint8Array)[]): Promise<void> {
    for (const record of records) {
      this.#log.append(typeof record === 'string' ? Buffer.from(record) : record);
      await this.#log.sync();
    }
  }

  reopen(): void {
    this.#log = RecordLog.open(this.fs, PATH, ID, () => {}).log;
  }

  read(): Read {
    const records: string[] = [];
    const { log, tail } = RecordLog.open(this.fs, PATH, ID, (r) => records.push(shorten(r)));
    log.close();
    return { records, tail };
  }

  /** The code of the error that reading ends with, and the offset that it tells. */
  readError(): string {
    try {
      this.read();
    } catch (error) {
      const { code, offset } = error as { code?: string; offset?: number };
      return `${code} ${offset}`;
    }
    return 'nothing';
  }

  flip(at: number): void {
    this.fs.corrupt(PATH, at, 0x10);
  }

  cut(to: number): void {
    this.fs.plant(PATH, this.fs.contents(PATH).slice(0, to));
  }

  /** Puts a frame there whose checksums are right. */
  plant(at: number, head: { kind: number; seq: number; syncedSeq: number }, text = ''): void {
    const payload = Buffer.from(text);
    const frame = new Uint8Array(frameBytes(0, payload.length));
    frame.set(payload, FRAME_HEADER_BYTES);
    encodeFrameHead(
      frame,
      0,
      {
        ...head,
        directoryLength: 0,
        payloadLength: payload.length,
        payloadCrc: crc32(payload),
        entryCount: 0,
        oldestSegment: 0,
      },
      new HeadSeed(ID, 0).at(at),
    );
    const file = this.fs.contents(PATH);
    const bytes = new Uint8Array(Math.max(file.length, at + frame.length));
    bytes.set(file);
    bytes.set(frame, at);
    this.fs.plant(PATH, bytes);
  }
}

/** Text as it is; of what is long, its size and checksum. */
function shorten(record: Uint8Array): string {
  return record.length < 100
    ? Buffer.from(record).toString()
    : `${record.length}:${crc32(record).toString(16)}`;
}

function big(text: string, bytes: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(bytes, text));
}

/** So many bytes of data that the frame ends `before` bytes in front of the border of the window. */
function upTo(before: number): number {
  return WINDOW_BYTES - HEADER_BYTES - FRAME_HEADER_BYTES - before;
}

describe('a record log', () => {
  it('of nothing gives no record', async () => {
    expect(new LogFile().read()).toEqual({ records: [], tail: 'clean' });
  });

  it('gives back records in order, the empty one too, as often as it is read', async () => {
    const file = new LogFile();
    await file.write('foo', 'bar', '', 'xxxx');
    const whole = { records: ['foo', 'bar', '', 'xxxx'], tail: 'clean' };
    expect([file.read(), file.read()]).toEqual([whole, whole]);
  });

  it('gives back many small records', async () => {
    const file = new LogFile();
    const log = RecordLog.create(file.fs, '/db/MANY', ID);
    for (let i = 0; i < 10_000; i++) log.append(Buffer.from(`${i}.`));
    await log.sync();
    const records: string[] = [];
    RecordLog.open(file.fs, '/db/MANY', ID, (r) => records.push(Buffer.from(r).toString()));
    expect(records).toEqual(Array.from({ length: 10_000 }, (_, i) => `${i}.`));
  });

  it('gives back records that are larger than what a reader takes at once', async () => {
    const file = new LogFile();
    const large = [big('medium', WINDOW_BYTES + 50_000), big('large', 3 * WINDOW_BYTES)];
    await file.write('small', ...large);
    expect(file.read().records).toEqual(['small', ...large.map(shorten)]);
  });

  it.each([
    ['just the header of a frame', FRAME_HEADER_BYTES],
    ['the header of a frame and its data', FRAME_HEADER_BYTES + 8],
    ['less than a header', 8],
    ['nothing', 0],
  ])('reads on where %s fits before the border of a reader’s window', async (_, before) => {
    const file = new LogFile();
    const first = big('foo', upTo(before));
    await file.write(first);
    expect(file.sizeBytes).toBe(WINDOW_BYTES - before);
    expect(file.read().records).toEqual([shorten(first)]);
    await file.write('', 'bar');
    expect(file.read()).toEqual({ records: [shorten(first), '', 'bar'], tail: 'clean' });
  });

  it('goes on behind what an earlier process wrote', async () => {
    const file = new LogFile();
    await file.write('hello');
    file.reopen();
    await file.write('world');
    expect(file.read()).toEqual({ records: ['hello', 'world'], tail: 'clean' });
  });

  it('gives back records of random sizes, mostly small', async () => {
    const file = new LogFile();
    const random = new SimRandom(301);
    const records = Array.from({ length: 300 }, (_, i) =>
      big(`${i}.`, random.int(2 ** random.int(17))),
    );
    await file.write(...records);
    expect(file.read().records).toEqual(records.map(shorten));
  });
});

describe('a record log that is not whole', () => {
  it('tells an error of the disk, with its place, and gives nothing behind it', async () => {
    const file = new LogFile();
    await file.write('foo');
    file.fs.failNext({ kind: 'read', path: PATH }, 'EIO');
    expect(file.readError()).toBe('WAL_CORRUPT 0');
    expect(file.read().records).toEqual(['foo']);
  });

  it('with a frame of an unknown kind is of a newer format, unless the kind says that it may be skipped', async () => {
    const file = new LogFile();
    await file.write('foo');
    const end = file.sizeBytes;
    file.plant(end, { kind: 100, seq: 2, syncedSeq: 1 }, 'what?');
    expect(file.readError()).toBe(`WAL_NEWER_FORMAT ${end}`);
    file.plant(end, { kind: 200, seq: 2, syncedSeq: 1 }, 'what?');
    expect(file.read()).toEqual({ records: ['foo'], tail: 'clean' });
  });

  it('ends before a record of which not even the header was written whole', async () => {
    const file = new LogFile();
    await file.write('foo', 'bar');
    file.cut(file.sizeBytes - 20);
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
  });

  it('does not skip a damaged length in its middle', async () => {
    const file = new LogFile();
    await file.write('foo', 'bar', 'baz');
    file.flip(HEADER_BYTES + 28);
    expect(file.readError()).toBe(`WAL_CORRUPT ${HEADER_BYTES}`);
  });

  it('takes a damaged length at its end for a torn record', async () => {
    const file = new LogFile();
    await file.write('foo');
    const end = file.sizeBytes;
    await file.write('bar');
    file.flip(end + 28);
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
  });

  it('refuses a wrong checksum in what a later record promises', async () => {
    const file = new LogFile();
    await file.write('foo', 'bar');
    file.flip(HEADER_BYTES + FRAME_HEADER_BYTES + 1);
    expect(file.readError()).toBe(`WAL_CORRUPT ${HEADER_BYTES}`);
  });

  it('does not take a record whose predecessor is missing', async () => {
    const file = new LogFile();
    await file.write('foo');
    const end = file.sizeBytes;
    file.plant(end, { kind: FrameKind.Record, seq: 3, syncedSeq: 1 }, 'third');
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
    file.plant(end, { kind: FrameKind.Record, seq: 3, syncedSeq: 2 }, 'third');
    expect(file.readError()).toBe(`WAL_CORRUPT ${end}`);
  });

  it('does not take a record twice', async () => {
    const file = new LogFile();
    await file.write('foo');
    file.plant(file.sizeBytes, { kind: FrameKind.Record, seq: 1, syncedSeq: 0 }, 'foo');
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
  });

  it.each([
    ['entries', FrameKind.Entries],
    ['a seal', FrameKind.Seal],
  ])('does not take %s of a WAL for a record', async (_, kind) => {
    const file = new LogFile();
    await file.write('foo');
    const end = file.sizeBytes;
    file.plant(end, { kind, seq: 2, syncedSeq: 1 }, 'foo');
    expect(file.readError()).toBe(`WAL_NEWER_FORMAT ${end}`);
  });

  it('ends before a record whose data was written in part', async () => {
    const file = new LogFile();
    await file.write('foo');
    const end = file.sizeBytes;
    await file.write(big('bar', 2 * WINDOW_BYTES));
    file.cut(end + WINDOW_BYTES);
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
  });

  it('ends before a record that lacks its last byte', async () => {
    const file = new LogFile();
    await file.write('foo', big('bar', WINDOW_BYTES));
    file.cut(file.sizeBytes - 1);
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
  });

  it('finds no record inside the data of another, when it searches behind damage', async () => {
    const file = new LogFile();
    await file.write('foo');
    const inside = file.fs.contents(PATH).slice(HEADER_BYTES);
    const large = big('x', 400);
    // At a place where a frame could stand.
    large.set(inside, 48);
    const at = file.sizeBytes;
    await file.write(large);
    file.flip(at + 8);
    expect(file.read()).toEqual({ records: ['foo'], tail: 'torn' });
  });

  it('does not join two records of which the middle is lost', async () => {
    const rig = new Rig({ mode: 'replicated', segmentBytes: 64 * 1024, maxFrameBytes: 1024 });
    const { wal } = await rig.open();
    const [foo, bar] = [big('foo', 2000), big('bar', 2000)];
    const at: number[] = [];
    for (const data of [foo, bar, Buffer.from('correct')]) {
      at.push(64 + wal.stats().bytes);
      wal.append(1, [entry(at.length, 1, data)], 1);
      await rig.durable(wal);
    }
    await rig.scheduler.advance(200);
    const file = '/data/wal/0000000000000001.wal';
    // From the middle of the first to the middle of the second, its header with it.
    for (let i = 1000; i < at[1]! - at[0]! + 1000; i++) rig.fs.corrupt(file, at[0]! + i, 0x55);
    const { wal: again, report } = await rig.copy().open();
    expect(report.lostFrames).toBe(1);
    expect(show(again, 1)).toEqual([
      'prefix 0/0',
      '1/1 faulty',
      '2/1 faulty',
      '3/1 correct',
      'hint 1',
    ]);
  });
});

/** Entries 1 to 9, of which some share a frame, some end a segment, and two are larger than one. */
const SIZES = [0, 100, 1500, 900, 3800, 7, 20_000, WINDOW_BYTES + 1, 5] as const;

describe('a log that is read from somewhere in its stream', () => {
  let rig: Rig;
  let wal: Wal;

  beforeAll(async () => {
    rig = new Rig({ cacheBytes: 0 });
    const opened = await rig.open();
    for (const [i, size] of SIZES.entries()) {
      opened.wal.append(1, [entry(i + 1, 1, big(`${i + 1}`, size))], 0);
      opened.wal.append(2, [entry(i + 1, 1, big('other', i))], 0);
      if (i % 2 === 1) await rig.durable(opened.wal);
    }
    opened.wal.compactPrefix(1, 1, 1);
    await rig.durable(opened.wal);
    await rig.close(opened.wal);
    ({ wal } = await rig.open());
  });

  function read(low: number, high = 100, maxBytes = 1e9): string {
    const found = wal.log(1).entries(low, high, maxBytes);
    if (typeof found !== 'object') return String(found);
    for (const { index, data } of found) {
      if (shorten(data) !== shorten(big(`${index}`, SIZES[index - 1]!))) return `${index} is wrong`;
    }
    return found.map(({ index }) => index).join(' ');
  }

  it.each([
    ['its first entry', 2, '2 3 4 5 6 7 8 9'],
    ['what is compacted: told, not skipped', 1, String(COMPACTED)],
    ['an entry in the middle of a frame of several logs', 3, '3 4 5 6 7 8 9'],
    ['the first entry of a segment', 4, '4 5 6 7 8 9'],
    ['the last entry before one that needs a segment of its own', 6, '6 7 8 9'],
    ['an entry that is larger than a segment', 7, '7 8 9'],
    ['an entry that is larger than one read', 8, '8 9'],
    ['the entry behind such a one', 9, '9'],
    ['its end', 10, ''],
    ['beyond its end', 5000, ''],
  ])('gives, from %s', (_, low, expected) => {
    expect(read(low)).toBe(expected);
  });

  it('gives one entry at least, and stops before what does not fit, at segments’ borders too', () => {
    for (let low = 2; low <= 9; low++) {
      expect(read(low, 100, 0)).toBe(`${low}`);
      expect(read(low, low + 1)).toBe(`${low}`);
    }
    expect([read(2, 100, 1600), read(3, 5), read(4, 7, 4707)]).toEqual(['2 3', '3 4', '4 5 6']);
  });

  it('gives entries whatever padding their frames end in', async () => {
    const padded = new Rig();
    const { wal: fresh } = await padded.open();
    const texts = Array.from({ length: 24 }, (_, i) => 'p'.repeat(i));
    for (const [i, text] of texts.entries()) {
      fresh.append(1, [entry(i + 1, 1, text)], 0);
      await padded.durable(fresh);
    }
    const { wal: again } = await padded.copy().open({ cacheBytes: 0 });
    for (const [i, text] of texts.entries()) {
      const found = again.log(1).entries(i + 1, i + 2, 1);
      expect(typeof found === 'object' && Buffer.from(found[0]!.data).toString()).toBe(text);
    }
  });
});

describe('the list of cases', () => {
  it('names 38 cases of LevelDB, each with a test of this file', () => {
    const list = readFileSync(`${__dirname}/../docs/leveldb-log-cases.md`, 'utf8');
    const source = readFileSync(__filename, 'utf8');
    const rows = [...list.matchAll(/^\| (\w+) +\| (.*?) +\|$/gm)].filter(
      ([, name]) => name !== 'case',
    );
    expect(rows).toHaveLength(38);
    for (const [, name, title] of rows) {
      expect([name, source.includes(`'${title}'`)]).toEqual([name, true]);
    }
  });
});
