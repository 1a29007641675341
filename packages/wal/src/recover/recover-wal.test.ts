import { crc32 } from '@dougdb/ports';
import { SimRandom } from '@dougdb/ports/sim';
import { codeOf, DIR, entries, entry, QUARANTINE, Rig, show } from '../../test/rig.js';
import type { RecoveryReport, Wal, WalError } from '../index.js';
import { putU32 } from '../little-endian.js';

const path = (segment: number): string => `${DIR}/000000000000000${segment}.wal`;

/** A WAL of three segments, the first two with an entry each that is too large to be collected. */
async function threeSegments(seed: number | string = 1): Promise<Rig> {
  const rig = new Rig({}, seed);
  for (let session = 1; session <= 3; session++) {
    const { wal } = await rig.open();
    wal.append(1, [entry(session, 1, new Uint8Array(600))], 0);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    if (session < 3) await rig.close(wal);
  }
  return rig.copy();
}

async function refusal(rig: Rig, mode: 'strict' | 'replicated' = 'strict'): Promise<WalError> {
  try {
    await rig.open({ mode });
  } catch (error) {
    return error as WalError;
  }
  throw new Error('it was opened');
}

function frameAt(rig: Rig, segment: number, offset: number): Uint8Array {
  return rig.fs.contents(path(segment)).subarray(offset);
}

describe('a WAL that is not whole', () => {
  it('is refused, in every mode, when a segment in the middle is missing', async () => {
    for (const mode of ['strict', 'replicated'] as const) {
      const rig = await threeSegments();
      rig.fs.remove(path(2));
      const error = await refusal(rig, mode);
      expect(error).toMatchObject({ code: 'WAL_CORRUPT', file: path(2), offset: 0 });
      expect(error.message).toContain('missing');
    }
  });

  it('is refused when its oldest segments are missing', async () => {
    for (const mode of ['strict', 'replicated'] as const) {
      const rig = await threeSegments();
      rig.fs.remove(path(1));
      expect((await refusal(rig, mode)).message).toContain('segments before 2 are missing');
    }
  });

  it('is refused when only the spare is left of it', async () => {
    const rig = await threeSegments();
    await rig.open();
    await rig.scheduler.advance(50);
    for (const segment of [1, 2, 3, 4]) rig.fs.remove(path(segment));
    expect((await refusal(rig.copy())).message).toContain('missing');
  });

  it('is refused when two segments were swapped', async () => {
    const rig = await threeSegments();
    const [one, two] = [rig.fs.contents(path(1)), rig.fs.contents(path(2))];
    rig.fs.plant(path(1), two);
    rig.fs.plant(path(2), one);
    const error = await refusal(rig, 'replicated');
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', file: path(1) });
    expect(error.message).toContain('says that it is segment 2');
  });

  it('is refused when a segment is from another WAL, or from another time of this one', async () => {
    const rig = await threeSegments();
    const other = await threeSegments('other');
    rig.fs.plant(path(2), other.fs.contents(path(2)));
    expect((await refusal(rig, 'replicated')).message).toContain('belongs to another WAL');

    // Two futures of one WAL: same id, same numbers, same seqs, other entries.
    const base = await threeSegments();
    const futures: Rig[] = [];
    for (const text of ['one', 'two']) {
      const future = base.copy();
      for (let session = 0; session < 2; session++) {
        const { wal } = await future.open();
        const large = new Uint8Array(600).fill(text.charCodeAt(0));
        wal.append(1, [entry(wal.log(1).lastIndex() + 1, 1, large)], 0);
        await future.close(wal);
      }
      futures.push(future);
    }
    const [one, two] = futures as [Rig, Rig];
    one.fs.plant(path(5), two.fs.contents(path(5)));
    const error = await refusal(one, 'replicated');
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', file: path(4) });
    expect(error.message).toContain('was written after another');
  });

  it('is refused when it is newer than this program', async () => {
    const rig = await threeSegments();
    const bytes = rig.fs.contents(path(2));
    putU32(bytes, 8, 2);
    putU32(bytes, 60, crc32(bytes, 0, 0, 60));
    rig.fs.plant(path(2), bytes);
    expect(await refusal(rig, 'replicated')).toMatchObject({
      code: 'WAL_NEWER_FORMAT',
      file: path(2),
      offset: 8,
    });
  });

  it('is refused when a file was cut short', async () => {
    for (const size of [0, 63, 64, 700, 4000]) {
      const rig = await threeSegments();
      rig.fs.plant(path(3), rig.fs.contents(path(3)).slice(0, size));
      expect(await refusal(rig)).toMatchObject({ code: 'WAL_CORRUPT', file: path(3) });
    }
  });

  it('is refused when the disk does not give its bytes', async () => {
    const rig = await threeSegments();
    rig.fs.onOperation(({ kind, path: at }) => (kind === 'read' && at === path(2) ? 'EIO' : 'ok'));
    expect(await refusal(rig, 'replicated')).toMatchObject({ code: 'WAL_CORRUPT', file: path(2) });
  });

  it('leaves nothing behind when it is refused', async () => {
    const rig = await threeSegments();
    rig.fs.corrupt(path(1), 100, 1);
    const before = rig.fs.list(DIR).map((name) => rig.fs.contents(`${DIR}/${name}`));
    await refusal(rig);
    expect(rig.fs.list(DIR).map((name) => rig.fs.contents(`${DIR}/${name}`))).toEqual(before);
    expect(rig.clock.pendingCount).toBe(0);
  });
});

describe('a torn tail', () => {
  async function withTail(
    tail: (rig: Rig, end: number) => void,
  ): Promise<{ rig: Rig; wal: Wal; report: RecoveryReport }> {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 5), 3);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    const bytes = rig.fs.contents(path(1));
    let end = bytes.length;
    while (bytes[end - 1] === 0) end--;
    const copy = rig.copy();
    tail(copy, Math.ceil(end / 8) * 8);
    const opened = await copy.open();
    return { rig: copy, ...opened };
  }

  function overwrite(rig: Rig, at: number, bytes: Uint8Array): void {
    const whole = rig.fs.contents(path(1));
    whole.set(bytes, at);
    rig.fs.plant(path(1), whole);
  }

  it.each([
    ['one byte', 1],
    ['half a header', 24],
    ['a sector of noise', 512],
    ['noise up to the end', 3000],
  ])('of %s is cut and kept', async (_name, length) => {
    const noise = new SimRandom(length).bytes(length);
    noise[length - 1] = 7;
    const { rig, wal, report } = await withTail((copy, end) => overwrite(copy, end, noise));
    expect(report).toMatchObject({ tail: 'torn', tornBytes: length, corruptions: [] });
    expect(show(wal, 1)).toEqual([
      'prefix 0/0',
      '1/1 e1',
      '2/1 e2',
      '3/1 e3',
      '4/1 e4',
      '5/1 e5',
      'hint 3',
    ]);
    const [name] = rig.fs.list(QUARANTINE);
    expect(rig.fs.contents(`${QUARANTINE}/${name}`)).toEqual(noise);
    // The copy is durable: what it is a copy of is gone.
    expect(rig.afterCrash().fs.contents(`${QUARANTINE}/${name}`)).toEqual(noise);
    wal.append(1, [entry(6)], 0);
    await rig.durable(wal);
    const { wal: after, report: second } = await rig.afterCrash().open();
    expect([after.log(1).lastIndex(), second.tail, second.corruptions]).toEqual([6, 'clean', []]);
  });

  it('that was cut before a crash is kept once', async () => {
    const noise = new SimRandom(1).bytes(100);
    const { rig } = await withTail((copy, end) => overwrite(copy, end, noise));
    const [name] = rig.fs.list(QUARANTINE);
    // As if the machine had died behind the copy: the tail is still there.
    const { rig: again } = await withTail((copy, end) => {
      overwrite(copy, end, noise);
      copy.fs.mkdir(QUARANTINE);
      copy.fs.plant(`${QUARANTINE}/${name}`, noise);
    });
    expect(again.fs.list(QUARANTINE)).toEqual([name]);
    const { rig: other } = await withTail((copy, end) => {
      overwrite(copy, end, noise);
      copy.fs.mkdir(QUARANTINE);
      copy.fs.plant(`${QUARANTINE}/${name}`, noise.subarray(1));
    });
    expect(other.fs.list(QUARANTINE)).toEqual([name?.replace('.torn', '-1.torn'), name].sort());
  });

  it('without space for its copy is not cut', async () => {
    const rig = await threeSegments();
    const noise = new SimRandom(1).bytes(100);
    const whole = rig.fs.contents(path(3));
    whole.set(noise, 2000);
    rig.fs.plant(path(3), whole);
    rig.fs.failNext({ kind: 'create', path: /quarantine/ }, 'ENOSPC');
    expect((await refusal(rig)).code).toBe('WAL_NO_SPACE');
    const { report } = await rig.open();
    expect(report.tornBytes).toBeGreaterThan(100);
  });

  it('of frames that were written and never synced is cut from the first bad one on', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 2), 0);
    await rig.durable(wal);
    const offset = (): number => 64 + wal.stats().bytes;
    const first = offset();
    // Three frames in one flush: none of them promises another.
    for (let index = 3; index <= 5; index++)
      wal.append(1, [entry(index, 1, new Uint8Array(900).fill(1))], 0);
    await rig.durable(wal);
    const copy = rig.copy();
    copy.fs.corrupt(path(1), first + 500, 1);
    const { wal: opened, report } = await copy.open();
    expect([opened.log(1).lastIndex(), report.tail, report.corruptions]).toEqual([2, 'torn', []]);
    expect(report.tornBytes).toBeGreaterThan(2700);
  });

  it('INVARIANT(torn-is-not-rotten): the same damage is rot as soon as a later frame promises it', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 2), 0);
    await rig.durable(wal);
    const offset = 64 + wal.stats().bytes;
    wal.append(1, [entry(3, 1, new Uint8Array(900))], 0);
    await rig.durable(wal);
    const early = rig.copy();
    await rig.scheduler.advance(100);
    const late = rig.copy();
    for (const copy of [early, late]) copy.fs.corrupt(path(1), offset + 500, 1);
    expect((await early.open()).report.tail).toBe('torn');
    expect(await refusal(late)).toMatchObject({ code: 'WAL_CORRUPT', file: path(1), offset });
    const { wal: opened, report } = await late.open({ mode: 'replicated' });
    expect(report.logs).toMatchObject([{ id: 1, lastIndex: 3, faulty: [{ index: 3, term: 1 }] }]);
    expect(opened.log(1).entries(3, 4, 100)).toBe('faulty');
    expect(opened.log(1).term(3)).toBe(1);
    // It stays reported from start to start, and is gone when another entry replaces it.
    opened.append(1, [entry(4)], 0);
    await late.close(opened);
    const { wal: again, report: second } = await late.open({ mode: 'replicated' });
    expect(second.logs).toMatchObject([{ lastIndex: 4, faulty: [{ index: 3, term: 1 }] }]);
    again.append(1, entries(3, 4, 2), 0);
    await late.close(again);
    const { report: third } = await late.open({ mode: 'replicated' });
    expect(third.logs).toMatchObject([{ lastIndex: 4, faulty: [] }]);
    expect(third.corruptions).toEqual([]);
    // The damaged segment has died.
    expect(await codeOf(() => late.open())).toBe('nothing');
  });

  it('does not take the frames before it along, though their sync had failed', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 2), 0);
    await rig.durable(wal);
    wal.append(1, [entry(3)], 0);
    rig.fs.failNext({ kind: 'datasync', path: path(1) }, 'EIO');
    expect((await rig.sync(wal))?.code).toBe('WAL_FAILED');
    rig.fs.kill();
    const { wal: again } = await rig.open();
    // It was never acknowledged, but now that it was shown it has to stay.
    expect(again.log(1).lastIndex()).toBe(3);
    const { wal: after } = await rig.afterCrash({ keepUnsyncedPercent: 0 }).open();
    expect(after.log(1).lastIndex()).toBe(3);
  });
});

describe('damage in a replicated WAL', () => {
  it('to one entry of a frame leaves its neighbours readable', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 3), 2);
    wal.append(2, entries(1, 3), 1);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    const copy = rig.copy();
    const at = Buffer.from(copy.fs.contents(path(1))).indexOf('e2');
    copy.fs.corrupt(path(1), at, 0x80);
    const { wal: opened, report } = await copy.open();
    expect(report.logs).toEqual([
      { id: 1, firstIndex: 1, lastIndex: 3, commitHint: 2, faulty: [{ index: 2, term: 1 }] },
      { id: 2, firstIndex: 1, lastIndex: 3, commitHint: 1, faulty: [] },
    ]);
    expect(report.corruptions.map(({ offset }) => offset)).toEqual([64, at]);
    expect(show(opened, 1)).toEqual(['prefix 0/0', '1/1 e1', '2/1 faulty', '3/1 e3', 'hint 2']);
  });

  it('to a directory loses the frame, and what stood before it is listed unless what follows proves it', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 4), 2);
    await rig.durable(wal);
    const lost = 64 + wal.stats().bytes;
    wal.append(1, entries(5, 6), 2);
    await rig.durable(wal);
    wal.append(1, entries(7, 8), 2);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    const copy = rig.copy();
    copy.fs.corrupt(path(1), lost + 50, 1);
    const { wal: opened, report } = await copy.open();
    expect(report.lostFrames).toBe(1);
    expect(frameAt(copy, 1, lost)[0]).toBe(0x44);
    const faulty = [5, 6].map((index) => ({ index, term: 1 }));
    expect(report.logs).toMatchObject([{ id: 1, firstIndex: 1, lastIndex: 8, faulty }]);
    expect(show(opened, 1).slice(3, 6)).toEqual(['3/1 e3', '4/1 e4', '5/1 faulty']);
    expect(opened.log(1).entries(7, 9, 100)).toHaveLength(2);
    // Other logs may have been in that frame as well: at their ends nothing proves anything.
    wal.append(2, entries(1, 3), 1);
    await rig.durable(wal);
    const second = 64 + wal.stats().bytes;
    wal.append(3, entries(1, 1), 1);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    const last = rig.copy();
    last.fs.corrupt(path(1), second + 50, 1);
    const { report: other } = await last.open();
    expect(
      other.logs.map(({ id, faulty: at }) => [id, at.map(({ index, term }) => [index, term])]),
    ).toEqual([
      [1, [3, 4, 5, 6, 7, 8].map((index) => [index, 0])],
      [2, [2, 3].map((index) => [index, 0])],
    ]);
  });

  it('to a directory does not invent terms for what it took', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 2), 2);
    await rig.durable(wal);
    const lost = 64 + wal.stats().bytes;
    wal.append(1, entries(3, 4, 2), 2);
    await rig.durable(wal);
    wal.append(1, entries(5, 5, 4), 2);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    const copy = rig.copy();
    copy.fs.corrupt(path(1), lost + 50, 1);
    const { wal: opened, report } = await copy.open();
    expect(report.logs[0]?.faulty).toEqual([
      { index: 3, term: 0 },
      { index: 4, term: 0 },
    ]);
    expect([opened.log(1).term(4), opened.log(1).term(5)]).toEqual([0, 4]);
  });

  it('at the end of a cut file is remembered, however often it is started and the power fails', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 3), 2);
    await rig.durable(wal);
    const end = 64 + wal.stats().bytes;
    wal.append(1, [entry(3, 2, 'instead'), entry(4, 2)], 2);
    await rig.durable(wal);
    const cut = rig.copy();
    cut.fs.plant(path(1), cut.fs.contents(path(1)).slice(0, end + 20));
    const lines = ['prefix 0/0', '1/1 e1', '2/1 e2', '3/0 faulty', 'hint 2'];
    const first = cut.copy();
    const { report, wal: opened } = await first.open();
    expect([report.lostFrames, show(opened, 1)]).toEqual([1, lines]);
    // A repair stays, whatever stood there before.
    expect(opened.rewrite(1, [entry(3, 2, 'instead')])).toBe(1);
    await first.durable(opened);
    const { report: second, wal: again } = await first.afterCrash().open();
    expect([second.lostFrames, show(again, 1)[3]]).toEqual([1, '3/2 instead']);
    for (let at = 1; ; at++) {
      const crashed = cut.copy();
      crashed.fs.crashAtMutation(at);
      await crashed.open().catch(() => null);
      const next = await crashed.afterCrash({ keepUnsyncedPercent: 50 }).open();
      expect([at, next.report.lostFrames, show(next.wal, 1)]).toEqual([at, 1, lines]);
      if (!crashed.fs.crashed) break;
    }
  });

  it('to a header is reported, and the frames are read', async () => {
    for (const segment of [1, 2, 3]) {
      const rig = await threeSegments();
      rig.fs.corrupt(path(segment), 9, 1);
      const { wal, report } = await rig.open({ mode: 'replicated' });
      expect(report.corruptions[0]).toMatchObject({ file: path(segment), offset: 0 });
      expect([wal.log(1).lastIndex(), report.lostFrames]).toEqual([3, 0]);
    }
  });
});
