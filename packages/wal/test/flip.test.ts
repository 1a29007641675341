import { SimFs, SimRandom } from '@dougdb/ports/sim';
import { RecordLog, type RecoveryReport, type Wal, type WalEntry } from '../src/index.js';
import { showWal } from './model.js';
import { DIR, entry, QUARANTINE, Rig, show } from './rig.js';
import { FULL, LONG_MS, SEED, share } from './scale.js';
import { refusal, type Written, write, wrongEntries } from './written.js';

const FILES = [1, 2, 3].map((n) => `${DIR}/000000000000000${n}.wal`);

interface Truth {
  readonly rig: Rig;
  /** Newest entry ever appended at each (log, index). */
  readonly newest: ReadonlyMap<string, WalEntry>;
  readonly lines: Readonly<Record<number, string[]>>;
}

/** Three segments: two sealed by restarts, the last one as a process leaves it that is killed when idle. */
async function build(idle: boolean): Promise<Truth> {
  const rig = new Rig();
  const newest = new Map<string, WalEntry>();
  for (const session of [0, 1, 2]) {
    const { wal } = await rig.open();
    const append = (id: number, entries: WalEntry[], hint: number): void => {
      wal.append(id, entries, hint);
      for (const e of entries) newest.set(`${id}/${e.index}`, e);
    };
    if (session === 0) {
      append(1, [entry(1), entry(2), entry(3)], 1);
      append(2, [entry(1, 1, 'x'.repeat(70)), entry(2)], 0);
      // Too much to be written again: the segment stays.
      append(3, [entry(1, 1, 'large '.repeat(80))], 0);
      await rig.durable(wal);
      append(1, [entry(3, 2, 'instead'), entry(4, 2)], 1);
    } else if (session === 1) {
      append(2, [entry(3, 4, 'y'.repeat(40))], 2);
      append(3, [entry(2, 1, 'huge '.repeat(100))], 0);
      wal.compactPrefix(1, 1, 1);
    } else {
      append(1, [entry(5, 3)], 4);
      append(2, [entry(4, 4)], 3);
    }
    await rig.durable(wal);
    if (session < 2) await rig.close(wal);
    else if (idle) await rig.scheduler.advance(300);
    if (session === 2) {
      const lines = Object.fromEntries(wal.logIds().map((id) => [id, show(wal, id)]));
      return { rig, newest, lines };
    }
  }
  throw new Error('unreachable');
}

/** Offsets to damage: every byte that was written, some of the zeros behind them. */
function offsets(bytes: Uint8Array): number[] {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const zeros = [0, 7, 48, 100, 500]
    .map((distance) => end + distance)
    .filter((at) => at < bytes.length);
  return [...Array.from({ length: end }, (_, at) => at), ...zeros];
}

async function* flips(truth: Truth): AsyncGenerator<{ rig: Rig; file: string; at: number }> {
  for (const file of FILES) {
    for (const at of offsets(truth.rig.fs.contents(file))) {
      const rig = truth.rig.copy();
      rig.fs.corrupt(file, at, 1 << (at % 8));
      yield { rig, file, at };
    }
  }
}

describe('Wal with one flipped bit', () => {
  it('INVARIANT(torn-is-not-rotten): in strict mode shows everything, or refuses with file and offset', async () => {
    const truth = await build(true);
    const wrong: string[] = [];
    let refused = 0;
    let opened = 0;
    for await (const { rig, file, at } of flips(truth)) {
      try {
        const { wal, report } = await rig.open();
        const lines = Object.fromEntries(wal.logIds().map((id) => [id, show(wal, id)]));
        if (JSON.stringify(lines) !== JSON.stringify(truth.lines)) wrong.push(`${file} at ${at}`);
        if (report.corruptions.length > 0) wrong.push(`${file} at ${at}: reported`);
        opened++;
      } catch (error) {
        const found = error as { code?: string; file?: string; offset?: number };
        // At or before the flipped byte: where the frame that it is in begins.
        const place = found.file === file && (found.offset ?? Number.NaN) <= at;
        if (found.code !== 'WAL_CORRUPT' || !place) wrong.push(`${file} at ${at}: ${error}`);
        refused++;
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(800);
    expect(opened).toBeGreaterThan(40);
  });

  it('in replicated mode keeps what is whole, lists what is damaged, and never shows other bytes', async () => {
    const truth = await build(true);
    const tally = { faulty: 0, lost: 0, whole: 0 };
    for await (const { rig, file, at } of flips(truth)) {
      const { wal, report } = await rig.open({ mode: 'replicated' });
      const problem = judge(truth, wal, report, file);
      if (problem !== null) throw new Error(`${file} flipped at ${at}: ${problem}`);
      if (report.lostFrames > 0) tally.lost++;
      else if (report.logs.some((log) => log.faulty.length > 0)) tally.faulty++;
      else tally.whole++;
    }
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(5);
  });

  it('cuts a tail that nothing promises, and keeps a copy of it', async () => {
    const truth = await build(false);
    const file = FILES[2]!;
    const rig = truth.rig.copy();
    const frames = rig.fs.contents(file);
    rig.fs.corrupt(file, 64 + 60, 1);
    const { wal, report } = await rig.open();
    expect(report).toMatchObject({ tail: 'torn', corruptions: [] });
    expect(wal.log(1).lastIndex()).toBe(4);
    const [name] = rig.fs.list(QUARANTINE);
    const copy = rig.fs.contents(`${QUARANTINE}/${name}`);
    expect(name).toBe('wal-0000000000000003-64.torn');
    expect(copy.length).toBe(report.tornBytes);
    expect(copy[60]).toBe(frames[64 + 60]! ^ 1);
  });
});

describe('a larger Wal with one random bit flipped', () => {
  it(
    'shows everything, refuses, or lists what is damaged: never a wrong answer',
    async () => {
      const written = await write(`flips/${SEED}`, 150, { segmentBytes: 32 * 1024 });
      const random = new SimRandom(`flips/${SEED}`);
      const tally = { dead: 0, refused: 0, listed: 0 };
      const flips = await share(2, 20_000, async (i) => {
        const rig = written.rig.copy();
        const path = `${DIR}/${random.pick(rig.fs.list(DIR))}`;
        const at = random.int(rig.fs.contents(path).length);
        rig.fs.corrupt(path, at, 1 << random.int(8));
        const found = await judgeFlip(written, rig, i % 2 === 0 ? 'strict' : 'replicated');
        if (!(found in tally)) throw new Error(`${path} flipped at ${at}: ${found}`);
        tally[found as keyof typeof tally]++;
      });
      console.log(`seed ${SEED}: ${flips} flipped bits, ${JSON.stringify(tally)}`);
      // Of few flips all may be of one kind.
      for (const count of Object.values(tally)) expect(count).toBeGreaterThan(FULL ? 1000 : -1);
    },
    LONG_MS,
  );
});

describe('a record log with one flipped bit', () => {
  it('gives all its records, all but a torn last one, or refuses with file and offset', async () => {
    const id = new TextEncoder().encode('flip');
    const fs = new SimFs();
    fs.mkdir('/db');
    const log = RecordLog.create(fs, '/db/LOG', id);
    const texts = ['one', '', 'three '.repeat(20), 'four', 'five'];
    for (const text of texts) {
      log.append(Buffer.from(text));
      await log.sync();
    }
    const sizeBytes = log.sizeBytes;
    const lastFrame = sizeBytes - 56;
    for (let at = 0; at < sizeBytes; at++) {
      const damaged = fs.crashClone({ keepUnsyncedPercent: 100 });
      damaged.corrupt('/db/LOG', at, 1 << (at % 8));
      const records: string[] = [];
      let outcome: string;
      try {
        const { log: opened, tail } = RecordLog.open(damaged, '/db/LOG', id, (r) =>
          records.push(Buffer.from(r).toString()),
        );
        opened.close();
        outcome = tail;
      } catch (error) {
        const { code, file, offset } = error as { code?: string; file?: string; offset?: number };
        outcome = `${code} ${file} ${(offset ?? Number.NaN) <= at}`;
      }
      expect([at, records]).toEqual([at, texts.slice(0, records.length)]);
      const isPadding = outcome === 'clean';
      if (isPadding) expect([at, records.length]).toEqual([at, texts.length]);
      else if (at >= lastFrame) expect([at, outcome, records.length]).toEqual([at, 'torn', 4]);
      else expect([at, outcome]).toEqual([at, 'WAL_CORRUPT /db/LOG true']);
    }
  });
});

/** 'dead', 'refused' or 'listed': all of them right; else what is wrong. */
async function judgeFlip(
  written: Written,
  rig: Rig,
  mode: 'strict' | 'replicated',
): Promise<string> {
  const opened = await rig.open({ mode }).catch(refusal);
  if (typeof opened === 'string') return opened === 'WAL_CORRUPT' ? 'refused' : opened;
  const { wal, report } = opened;
  const wrong = wrongEntries(wal, written.versions);
  if (wrong.length > 0) return `shows ${wrong.join()}`;
  if (report.corruptions.length > 0) return mode === 'strict' ? 'opened with damage' : 'listed';
  return showWal(wal) === written.final ? 'dead' : 'nothing is reported';
}

/** What is wrong with a WAL that one flipped bit may have damaged, or null. */
function judge(truth: Truth, wal: Wal, report: RecoveryReport, file: string): string | null {
  const listed = new Set(
    report.logs.flatMap((log) => log.faulty.map((at) => `${log.id}/${at.index}`)),
  );
  for (const id of wal.logIds()) {
    const log = wal.log(id);
    for (let index = log.firstIndex(); index <= log.lastIndex(); index++) {
      const read = log.entries(index, index + 1, 1024);
      const name = `${id}/${index}`;
      if ((read === 'faulty') !== listed.has(name)) return `${name} is not as the report says`;
      if (read !== 'faulty' && !isEqual(read, truth.newest.get(name))) return `${name} is wrong`;
    }
  }
  if (report.corruptions.length === 0) {
    const lines = Object.fromEntries(wal.logIds().map((id) => [id, show(wal, id)]));
    return JSON.stringify(lines) === JSON.stringify(truth.lines) ? null : 'nothing is reported';
  }
  if (report.corruptions[0]?.file !== file) return 'another file is reported';
  if (report.lostFrames > 0) return null;
  // Only a payload is damaged: every log is as long as it was.
  const extents = report.logs.map((log) => [log.id, log.firstIndex, log.lastIndex, log.commitHint]);
  const expected = '[[1,2,5,4],[2,1,4,3],[3,1,2,0]]';
  return JSON.stringify(extents) === expected ? null : `extents ${JSON.stringify(extents)}`;
}

function isEqual(read: readonly WalEntry[] | -1, expected: WalEntry | undefined): boolean {
  const found = read === -1 ? undefined : read[0];
  if (found === undefined || expected === undefined) return false;
  return found.term === expected.term && Buffer.compare(found.data, expected.data) === 0;
}
