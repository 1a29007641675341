import { DIR, entries, entry, Rig } from '../../test/rig.js';
import { dumpWal, verifyWal } from '../node/index.js';

const FILE = `${DIR}/0000000000000001.wal`;

async function sample(): Promise<Rig> {
  const rig = new Rig();
  const { wal } = await rig.open();
  wal.append(1, [...entries(1, 2), entry(3, 2)], 2);
  wal.append(9, [entry(1)], 0);
  wal.truncateSuffix(1, 3);
  wal.compactPrefix(9, 1, 1);
  wal.append(4, [entry(1)], 1);
  wal.removeLog(4);
  await rig.durable(wal);
  await rig.scheduler.advance(200);
  return rig;
}

function dump(rig: Rig): string[] {
  const lines: string[] = [];
  dumpWal(rig.fs, DIR, (line) => lines.push(line));
  return lines;
}

describe('dumpWal', () => {
  it('tells every header, frame and operation', async () => {
    const rig = await sample();
    const lines = dump(rig);
    expect(lines[0]).toMatch(
      new RegExp(`^${FILE} segment=1 wal=[0-9a-f]{32} firstSeq=1 previousSeal=0{8}, 4096 bytes$`),
    );
    expect(lines.slice(1)).toEqual([
      '  64 entries seq=1 synced=0 oldest=1 operations=9 payload=10',
      '    append log=1 index=1 term=1 type=0 bytes=2 crc=088d8d27',
      expect.stringMatching(/^ {4}append log=1 index=2 term=1 type=0 bytes=2 crc=/),
      expect.stringMatching(/^ {4}append log=1 index=3 term=2 type=0 bytes=2 crc=/),
      '    append log=9 index=1 term=1 type=0 bytes=2 crc=088d8d27',
      '    truncateSuffix log=1 index=3',
      '    compactPrefix log=9 index=1 term=1',
      '    append log=4 index=1 term=1 type=0 bytes=2 crc=088d8d27',
      '    removeLog log=4',
      '    commitHint log=1 index=2',
      expect.stringMatching(/^ {2}\d+ marker seq=2 synced=1 oldest=1 operations=0 payload=0$/),
      `${DIR}/0000000000000002.wal blank, 4096 bytes`,
    ]);
    const { wal } = await rig.copy().open();
    expect(wal.logIds()).toEqual([1, 9]);
  });

  it('tells seals, rewrites and damage', async () => {
    const rig = await sample();
    const { wal } = await rig.copy().open();
    expect(wal.logIds()).toEqual([1, 9]);
    const copy = rig.copy();
    const opened = await copy.open();
    opened.wal.append(1, [entry(3, 3)], 0);
    await copy.durable(opened.wal);
    await copy.close(opened.wal);
    const lines = dump(copy);
    expect(lines.some((line) => / seal seq=/.test(line))).toBe(true);
    expect(lines.some((line) => line.startsWith('    rewrite log=1 index=1'))).toBe(true);
    expect(lines.some((line) => line === '    log=1 entries=3 [1, 3]')).toBe(true);
    for (const [at, expected] of [
      [64 + 20, /^ {2}64 DAMAGED up to/],
      [10, /DAMAGED header/],
      [64 + 48 + 100, /payload=10 DAMAGED$|DAMAGED up to/],
    ] as const) {
      const damaged = rig.copy();
      damaged.fs.corrupt(FILE, at, 1);
      expect(dump(damaged).some((line) => expected.test(line))).toBe(true);
    }
  });
});

describe('verifyWal', () => {
  it('says that a whole WAL is whole, and changes nothing', async () => {
    const rig = await sample();
    const { mutationCount } = rig.fs;
    expect(verifyWal(rig.fs, DIR)).toEqual({
      ok: true,
      segments: 1,
      logs: [
        { id: 1, firstIndex: 1, lastIndex: 2, commitHint: 2, faulty: [] },
        { id: 9, firstIndex: 2, lastIndex: 1, commitHint: 0, faulty: [] },
      ],
      tail: 'clean',
      tornBytes: 0,
      corruptions: [],
      lostFrames: 0,
      refusal: null,
    });
    expect(rig.fs.mutationCount).toBe(mutationCount);
  });

  it('says what is damaged and where, torn, or beyond opening', async () => {
    const rotten = (await sample()).copy();
    const at = Buffer.from(rotten.fs.contents(FILE)).indexOf('e2');
    rotten.fs.corrupt(FILE, at, 1);
    expect(verifyWal(rotten.fs, DIR)).toMatchObject({
      ok: false,
      corruptions: [
        { file: FILE, offset: 64 },
        { file: FILE, offset: at },
      ],
      logs: [{ id: 1, faulty: [{ index: 2, term: 1 }] }, { id: 9 }],
      refusal: null,
    });

    const torn = (await sample()).copy();
    torn.fs.corrupt(FILE, 1000, 1);
    expect(verifyWal(torn.fs, DIR)).toMatchObject({ ok: false, tail: 'torn', corruptions: [] });

    const gone = (await sample()).copy();
    gone.fs.rename(FILE, `${DIR}/0000000000000007.wal`);
    expect(verifyWal(gone.fs, DIR)).toMatchObject({
      ok: false,
      refusal: { code: 'WAL_CORRUPT', file: `${DIR}/0000000000000002.wal`, offset: 0 },
    });
    expect(() => verifyWal(gone.fs, '/nowhere')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});
