import { crc32 } from '@dougdb/ports';
import type { RecoveryReport, Wal, WalEntry } from '../src/index.js';
import { CRASHES, collectStates } from './crash-states.js';
import { codeOf, DIR, entries, entry, Rig, show } from './rig.js';
import { FULL, LONG_MS } from './scale.js';

const FILE = `${DIR}/0000000000000001.wal`;
const LOST = 'lost frame';

/** A log of three with its second entry damaged on the disk, and one more segment behind it. */
async function damaged(text = 'e2'): Promise<{ rig: Rig; wal: Wal; report: RecoveryReport }> {
  const rig = new Rig({ mode: 'replicated', cacheBytes: 0 });
  const { wal } = await rig.open();
  wal.append(1, entries(1, 3), 2);
  await rig.durable(wal);
  await rig.close(wal);
  const at = Buffer.from(rig.fs.contents(FILE)).indexOf(text);
  rig.fs.corrupt(FILE, at, 0x20);
  const opened = await rig.open();
  return { rig, ...opened };
}

describe('repair by rewrite', () => {
  it('puts the bytes of a damaged entry back, for readers at once and after a restart', async () => {
    const { rig, wal, report } = await damaged();
    expect(report.logs[0]?.faulty).toEqual([{ index: 2, term: 1 }]);
    wal.append(1, entries(4, 5), 4);
    expect(wal.rewrite(1, [entry(2)])).toBe(1);
    const whole = ['prefix 0/0', '1/1 e1', '2/1 e2', '3/1 e3', '4/1 e4', '5/1 e5', 'hint 4'];
    expect(show(wal, 1)).toEqual(whole);
    await rig.durable(wal);
    const { wal: again, report: second } = await rig.afterCrash().open();
    expect(show(again, 1)).toEqual(whole);
    expect(second.logs[0]?.faulty).toEqual([]);
  });

  it('INVARIANT(rewrite-keeps-tail): takes nothing but the very entry that is damaged, and cuts nothing', async () => {
    const { rig, wal } = await damaged();
    const other = entry(2, 1, 'E2');
    for (const refused of [
      entry(1), // whole here
      entry(2, 2), // another term
      other, // other bytes
      { ...entry(2), type: 7 }, // another type
      { ...other, checksum: crc32(entry(2).data) }, // damaged on its way
      entry(4), // behind the end
      entry(900),
    ]) {
      expect([refused.index, wal.rewrite(1, [refused])]).toEqual([refused.index, 0]);
    }
    expect(wal.rewrite(99, [entry(1)])).toBe(0);
    expect(show(wal, 1)).toEqual(['prefix 0/0', '1/1 e1', '2/1 faulty', '3/1 e3', 'hint 2']);
    expect(wal.rewrite(1, [entry(1), entry(2), entry(2), entry(4)])).toBe(1);
    await rig.durable(wal);
    wal.compactPrefix(1, 2, 1);
    expect(wal.rewrite(1, [entry(2)])).toBe(0);
  });

  it('refuses what no entry can be, and when the WAL has ended', async () => {
    const { rig, wal } = await damaged();
    for (const wrong of [{ index: -1 }, { term: 1.5 }, { type: 256 }, { checksum: -1 }]) {
      expect(await codeOf(() => wal.rewrite(1, [{ ...entry(2), ...wrong }]))).toBe('WAL_USAGE');
    }
    await rig.close(wal);
    expect(await codeOf(() => wal.rewrite(1, [entry(2)]))).toBe('WAL_CLOSED');
  });

  it('is refused where an append would be: too much waits for the disk, or there is no space', async () => {
    const { rig } = await damaged();
    const { wal } = await rig.copy().open({ maxQueuedBytes: 1 });
    wal.append(2, [entry(1)], 0);
    expect(await codeOf(() => wal.rewrite(1, [entry(2)]))).toBe('WAL_BUSY');
    expect(wal.log(1).entries(2, 3, 1)).toBe('faulty');
    const full = rig.copy();
    full.fs.setCapacity(2 * 4096);
    const { wal: crowded } = await full.open();
    await full.scheduler.advance(20);
    const fill = (): void => {
      for (let i = 1; i < 1000; i++) crowded.append(2, [entry(i, 1, 'x')], 0);
    };
    expect(await codeOf(fill)).toBe('WAL_NO_SPACE');
    expect(await codeOf(() => crowded.rewrite(1, [entry(2)]))).toBe('WAL_NO_SPACE');
    full.fs.setCapacity(1e6);
    await full.scheduler.advance(1100);
    expect(crowded.rewrite(1, [entry(2)])).toBe(1);
    await full.durable(crowded);
  });

  it('heals an entry that was found damaged only when it was read', async () => {
    const rig = new Rig({ mode: 'replicated', cacheBytes: 0 });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 3), 0);
    await rig.durable(wal);
    rig.fs.corrupt(FILE, Buffer.from(rig.fs.contents(FILE)).indexOf('e2'), 1);
    // Nobody knows of it yet: it counts as whole.
    expect(wal.rewrite(1, [entry(2)])).toBe(0);
    expect(await codeOf(() => wal.log(1).entries(2, 3, 100))).toBe('WAL_CORRUPT');
    expect(wal.rewrite(1, [entry(2)])).toBe(1);
    expect(show(wal, 1)).toContain('2/1 e2');
  });

  it('lets the damaged segment go at last', async () => {
    const { rig, wal } = await damaged();
    const churn = async (from: number): Promise<void> => {
      for (let i = from; i < from + 30; i++) {
        wal.append(2, [entry(i, 1, new Uint8Array(400))], 0);
        wal.compactPrefix(2, i - 1, 1);
        await rig.durable(wal);
      }
      await rig.scheduler.advance(50);
    };
    await churn(1);
    expect(rig.fs.list(DIR)[0]).toBe('0000000000000001.wal');
    wal.rewrite(1, [entry(2)]);
    await churn(31);
    expect(rig.fs.list(DIR)[0]).not.toBe('0000000000000001.wal');
    const { wal: again, report } = await rig.afterCrash().open();
    expect(report.corruptions).toEqual([]);
    expect(show(again, 1)).toEqual(['prefix 0/0', '1/1 e1', '2/1 e2', '3/1 e3', 'hint 2']);
  });

  it('fills what a lost frame has left, if the terms around it allow', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 2), 2);
    await rig.durable(wal);
    const lost = 64 + wal.stats().bytes;
    wal.append(1, [entry(3, 2), entry(4, 3)], 2);
    await rig.durable(wal);
    wal.append(1, [entry(5, 4)], 2);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    const copy = rig.copy();
    copy.fs.corrupt(FILE, lost + 50, 1);
    const { wal: opened, report } = await copy.open();
    expect([report.lostFrames, report.logs[0]?.faulty.length]).toEqual([1, 2]);
    expect(opened.rewrite(1, [entry(3, 5), entry(3, 0)])).toBe(0);
    expect(opened.rewrite(1, [entry(3, 2)])).toBe(1);
    // The entry before it has a term now.
    expect(opened.rewrite(1, [entry(4, 1)])).toBe(0);
    expect(opened.rewrite(1, [entry(4, 3)])).toBe(1);
    await copy.durable(opened);
    const { wal: again, report: second } = await copy.afterCrash().open();
    expect(show(again, 1).slice(1, 6)).toEqual(['1/1 e1', '2/1 e2', '3/2 e3', '4/3 e4', '5/4 e5']);
    expect(second.logs[0]?.faulty).toEqual([]);
    // Its extent is as unknown as before.
    expect(second.lostFrames).toBe(1);
  });

  it('keeps a segment with lost frames until the host has said that it knows', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 1), 1);
    await rig.durable(wal);
    wal.append(1, [entry(2, 1, LOST)], 2);
    await rig.durable(wal);
    await rig.close(wal);
    rig.fs.corrupt(FILE, 64 + 24, 1);
    const life = async (): Promise<{ wal: Wal; lost: number }> => {
      const opened = await rig.open();
      opened.wal.removeLog(1);
      for (let i = 1; i <= 20; i++) {
        opened.wal.append(2, [entry(opened.wal.log(2).lastIndex() + 1, 1, 'x'.repeat(900))], 0);
        opened.wal.compactPrefix(2, opened.wal.log(2).lastIndex() - 1, 1);
        await rig.durable(opened.wal);
      }
      return { wal: opened.wal, lost: opened.report.lostFrames };
    };
    const first = await life();
    await rig.close(first.wal);
    const second = await life();
    expect([first.lost, second.lost]).toEqual([1, 1]);
    expect(rig.fs.list(DIR)[0]).toBe('0000000000000001.wal');
    second.wal.acceptLoss();
    second.wal.append(3, [entry(1)], 0);
    await rig.durable(second.wal);
    await rig.scheduler.advance(50);
    await rig.close(second.wal);
    expect(rig.fs.list(DIR)[0]).not.toBe('0000000000000001.wal');
    expect((await rig.open()).report.lostFrames).toBe(0);
  });

  it(
    'INVARIANT(acked-entry-survives): in the middle of a live log, with garbage collection around it and a power loss before every operation, loses no entry behind it',
    async () => {
      const { rig, truth, damagedAt } = await liveLogs();
      const acked = new Map<number, number>();
      let repaired = false;
      const progress: { last: Map<number, number>; repaired: boolean }[] = [];
      const states = await collectStates(
        rig,
        null,
        (k) => {
          progress.push({ last: new Map(acked), repaired });
          return FULL ? CRASHES : [CRASHES[k % 4]!];
        },
        async () => {
          const { wal, report } = await rig.open();
          expect(report.logs.flatMap((log) => log.faulty)).toHaveLength(damagedAt.length);
          const isDurable = async (): Promise<void> => {
            await rig.durable(wal);
            for (const id of [1, 2, 3]) acked.set(id, wal.log(id).lastIndex());
          };
          for (let round = 0; round < 10; round++) {
            for (const id of [1, 2, 3]) {
              const next = entry(wal.log(id).lastIndex() + 1, 1, `live ${id} ${round}`.repeat(12));
              truth.set(`${id}/${next.index}`, next);
              wal.append(id, [next], 0);
            }
            wal.append(9, [entry(wal.log(9).lastIndex() + 1, 1, 'x'.repeat(800))], 0);
            wal.compactPrefix(9, wal.log(9).lastIndex(), 1);
            if (round === 4) {
              for (const at of damagedAt) {
                const id = Number(at.split('/')[0]);
                expect(wal.rewrite(id, [truth.get(at)!])).toBe(1);
              }
            }
            await isDurable();
            if (round === 4) repaired = true;
          }
          await rig.scheduler.advance(200);
          // What was damaged, and copied by garbage collection, is gone from the first segments.
          expect(rig.fs.list(DIR)[0]).not.toBe('0000000000000001.wal');
        },
      );
      expect(states.length).toBeGreaterThan(60);
      const perState = FULL ? CRASHES.length : 1;
      for (const [i, state] of states.entries()) {
        const { last, repaired: isRepaired } = progress[Math.floor(i / perState)]!;
        const { wal } = await state.rig.open();
        const problems = [1, 2, 3].flatMap((id) => {
          const missing = wal.log(id).lastIndex() < (last.get(id) ?? 0) ? [`log ${id} is cut`] : [];
          return [...missing, ...wrong(wal, id, truth, isRepaired ? [] : damagedAt)];
        });
        expect([state.before, problems]).toEqual([state.before, []]);
      }
    },
    LONG_MS,
  );
});

/** Three logs over some segments, one damaged entry in the middle of each. */
async function liveLogs(): Promise<{
  rig: Rig;
  truth: Map<string, WalEntry>;
  damagedAt: string[];
}> {
  const rig = new Rig({ mode: 'replicated', cacheBytes: 0, collectAboveBytes: 4096 });
  const truth = new Map<string, WalEntry>();
  const { wal } = await rig.open();
  for (let index = 1; index <= 6; index++) {
    for (const id of [1, 2, 3]) {
      const added = entry(index, 1, `log ${id} entry ${index}`);
      truth.set(`${id}/${index}`, added);
      wal.append(id, [added], 0);
    }
    wal.append(9, [entry(index, 1, 'x'.repeat(900))], 0);
    await rig.durable(wal);
  }
  await rig.close(wal);
  const damagedAt = ['1/3', '2/2', '3/6'];
  for (const at of damagedAt) {
    const [id, index] = at.split('/');
    for (const name of rig.fs.list(DIR)) {
      const path = `${DIR}/${name}`;
      const found = Buffer.from(rig.fs.contents(path)).indexOf(`log ${id} entry ${index}`);
      if (found >= 0) rig.fs.corrupt(path, found + 1, 0x11);
    }
  }
  return { rig: rig.copy(), truth, damagedAt };
}

/** What of a log is not as it was written; places of `mayBeFaulty` may be. */
function wrong(
  wal: Wal,
  id: number,
  truth: ReadonlyMap<string, WalEntry>,
  mayBeFaulty: readonly string[],
): string[] {
  const log = wal.log(id);
  const problems: string[] = [];
  if (log.firstIndex() !== 1) problems.push(`log ${id} begins at ${log.firstIndex()}`);
  for (let index = 1; index <= log.lastIndex(); index++) {
    const at = `${id}/${index}`;
    const read = log.entries(index, index + 1, 1e6);
    if (read === 'faulty' && mayBeFaulty.includes(at)) continue;
    const found = typeof read === 'object' ? read[0] : undefined;
    const right = found !== undefined && Buffer.compare(found.data, truth.get(at)!.data) === 0;
    if (!right) problems.push(`${at} is ${read === 'faulty' ? read : 'wrong'}`);
  }
  return problems;
}
