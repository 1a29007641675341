import type { Corruption, Wal } from '../src/index.js';
import { codeOf, DIR, entry, Rig, show } from './rig.js';

const FILES = [1, 2, 3].map((n) => `${DIR}/000000000000000${n}.wal`);

/** Two logs over some sealed segments. */
async function sample(options = {}): Promise<{ rig: Rig; wal: Wal }> {
  const rig = new Rig({ mode: 'replicated', cacheBytes: 0, ...options });
  const { wal } = await rig.open();
  for (let index = 1; index <= 12; index++) {
    wal.append(1, [entry(index, 1, `one ${index} `.repeat(60))], index);
    wal.append(2, [entry(index, 1, `two ${index} `.repeat(40))], 0);
    await rig.durable(wal);
  }
  expect(rig.fs.stat(FILES[2]!)).not.toBeNull();
  return { rig, wal };
}

/** One whole round in small steps. */
function round(
  wal: Wal,
  maxBytes = 700,
): { bytes: number; corruptions: Corruption[]; steps: number } {
  const found: Corruption[] = [];
  let [bytes, steps] = [0, 0];
  for (let isDone = false; !isDone; steps++) {
    const step = wal.scrub(maxBytes);
    found.push(...step.corruptions);
    bytes += step.bytes;
    isDone = step.isDone;
  }
  return { bytes, corruptions: found, steps };
}

describe('scrub', () => {
  it('reads all that is sealed, in pieces, and finds nothing where nothing is', async () => {
    const { rig, wal } = await sample();
    const { mutationCount } = rig.fs;
    const { bytes, corruptions, steps } = round(wal);
    expect(corruptions).toEqual([]);
    expect(bytes).toBeGreaterThan(2 * 3500);
    expect(steps).toBeGreaterThan(5);
    expect(round(wal, 1e9)).toEqual({ bytes, corruptions: [], steps: 1 });
    expect(rig.fs.mutationCount).toBe(mutationCount);
  });

  it('makes a damaged entry faulty, for repair, and leaves its neighbours', async () => {
    const { rig, wal } = await sample();
    const at = Buffer.from(rig.fs.contents(FILES[0]!)).indexOf('two 2');
    rig.fs.corrupt(FILES[0]!, at + 5, 1);
    const { corruptions } = round(wal);
    expect(corruptions).toEqual([
      { file: FILES[0], offset: expect.any(Number), what: 'the payload of frame 2 is damaged' },
      { file: FILES[0], offset: at, what: 'entry 2 (term 1) of log 2 is damaged' },
    ]);
    expect(wal.log(2).entries(2, 3, 1e6)).toBe('faulty');
    expect(wal.log(1).entries(2, 3, 1e6)).toHaveLength(1);
    // It is known now: only the frame is told again.
    expect(round(wal).corruptions).toHaveLength(1);
    expect(wal.rewrite(2, [entry(2, 1, 'two 2 '.repeat(40))])).toBe(1);
    await rig.durable(wal);
    expect(round(wal).corruptions).toHaveLength(1);
  });

  it('writes a damaged entry again that is still in memory', async () => {
    const { rig, wal } = await sample({ cacheBytes: 1e6 });
    const lines = [show(wal, 1), show(wal, 2)];
    const at = Buffer.from(rig.fs.contents(FILES[0]!)).indexOf('two 2');
    rig.fs.corrupt(FILES[0]!, at + 5, 1);
    expect(round(wal).corruptions).toHaveLength(2);
    expect([show(wal, 1), show(wal, 2)]).toEqual(lines);
    await rig.durable(wal);
    const { wal: again } = await rig.afterCrash().open();
    expect([show(again, 1), show(again, 2)]).toEqual(lines);
  });

  it('saves what is whole in a frame that the next start could not read', async () => {
    const { rig, wal } = await sample();
    const lines = [show(wal, 1), show(wal, 2)];
    // The directory of the first frame.
    rig.fs.corrupt(FILES[0]!, 64 + 50, 1);
    expect(round(wal).corruptions).toEqual([
      { file: FILES[0], offset: 64, what: 'a frame cannot be made out' },
    ]);
    await rig.durable(wal);
    const { wal: again, report } = await rig.afterCrash().open();
    expect(report.lostFrames).toBe(1);
    expect([show(again, 1), show(again, 2)[1]]).toEqual([lines[0], lines[1]?.[1]]);
  });

  it('only tells what it finds while there is no space to write it again', async () => {
    const rig = new Rig({ mode: 'replicated', cacheBytes: 1e6 });
    rig.fs.setCapacity(4 * 4096);
    const { wal } = await rig.open();
    for (let index = 1; index <= 9; index++) {
      wal.append(1, [entry(index, 1, `one ${index} `.repeat(150))], index);
      await rig.durable(wal);
      await rig.scheduler.advance(20);
    }
    const bytes = rig.fs.contents(FILES[0]!);
    rig.fs.corrupt(FILES[0]!, Buffer.from(bytes).indexOf('one 1') + 1, 1);
    rig.fs.corrupt(FILES[1]!, 64 + 50, 1);
    rig.fs.setCapacity(4096);
    wal.append(1, [entry(10, 1, 'x'.repeat(800))], 0);
    while (
      (await codeOf(() =>
        wal.append(1, [entry(wal.log(1).lastIndex() + 1, 1, 'x'.repeat(800))], 0),
      )) === 'nothing'
    ) {
      await rig.scheduler.advance(50);
    }
    const { queuedBytes } = wal.stats();
    expect(round(wal).corruptions.map(({ what }) => what)).toEqual([
      'the payload of frame 1 is damaged',
      'entry 1 (term 1) of log 1 is damaged',
      'a frame cannot be made out',
    ]);
    expect(wal.stats().queuedBytes).toBe(queuedBytes);
    // It is in memory, and whole.
    expect(wal.log(1).entries(1, 2, 1e6)).toHaveLength(1);
  });

  it('tells a damaged header, a lost seal and bytes that the disk does not give', async () => {
    const { rig, wal } = await sample();
    rig.fs.corrupt(FILES[0]!, 20, 1);
    const second = rig.fs.contents(FILES[1]!);
    const seal = Buffer.from(second).lastIndexOf('DWFR');
    rig.fs.corrupt(FILES[1]!, seal, 1);
    expect(round(wal).corruptions.map(({ file, what }) => [file, what])).toEqual([
      [FILES[0], 'the segment header is damaged'],
      [FILES[1], 'a frame cannot be made out'],
      [FILES[1], 'the seal is missing'],
    ]);
    rig.fs.corrupt(FILES[0]!, 20, 1);
    rig.fs.corrupt(FILES[1]!, seal, 1);
    rig.fs.failNext({ kind: 'read', path: FILES[0]! }, 'EIO');
    const unreadable = { file: FILES[0], offset: 0, what: 'it cannot be read' };
    expect(round(wal).corruptions).toEqual([unreadable]);
    expect(round(wal).corruptions).toEqual([]);
  });

  it('goes on where the oldest segments were removed meanwhile, and not after the end', async () => {
    const { rig, wal } = await sample();
    wal.scrub(1);
    for (const id of [1, 2]) wal.compactPrefix(id, 12, 1);
    await rig.durable(wal);
    await rig.scheduler.advance(50);
    expect(rig.fs.stat(FILES[0]!)).toBeNull();
    expect(round(wal).corruptions).toEqual([]);
    await rig.close(wal);
    expect(await codeOf(() => wal.scrub(1))).toBe('WAL_CLOSED');
  });
});
