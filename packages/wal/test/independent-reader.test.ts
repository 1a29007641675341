import { readFileSync } from 'node:fs';
import { SimRandom } from '@dougdb/ports/sim';
import type { Wal } from '../src/index.js';
import { collectStates } from './crash-states.js';
import { History } from './history.js';
import { type ReadWal, readWal } from './independent-reader.js';
import { DIR, entries, entry, Rig } from './rig.js';
import { LONG_MS, SEED, share } from './scale.js';
import { Session, WORKLOADS } from './workloads.js';

function filesOf(rig: Rig): Map<string, Uint8Array> {
  return new Map(rig.fs.list(DIR).map((name) => [name, rig.fs.contents(`${DIR}/${name}`)]));
}

function ofReader({ logs }: ReadWal): string[] {
  return [...logs]
    .sort(([a], [b]) => a - b)
    .map(([id, log]) => {
      const shown = [...log.entries]
        .sort(([a], [b]) => a - b)
        .map(([index, { term, type, data }]) => line(index, term, type, data));
      return { id, from: `${log.prefixIndex}/${log.prefixTerm}`, hint: log.hint, shown };
    })
    .filter(({ from, hint, shown }) => from !== '0/0' || hint > 0 || shown.length > 0)
    .map(({ id, from, hint, shown }) => `${id} after ${from} hint ${hint}: ${shown.join(' ')}`);
}

function ofWal(wal: Wal): string[] {
  return wal.logIds().map((id) => {
    const log = wal.log(id);
    const prefix = log.firstIndex() - 1;
    const shown: string[] = [];
    for (let index = prefix + 1; index <= log.lastIndex(); index++) {
      const read = log.entries(index, index + 1, 1);
      const found = typeof read === 'object' ? read[0] : undefined;
      const type = found?.type ?? 0;
      shown.push(line(index, log.term(index), type, found?.data ?? null));
    }
    return `${id} after ${prefix}/${log.term(prefix)} hint ${log.commitHint()}: ${shown.join(' ')}`;
  });
}

function line(index: number, term: number, type: number, data: Uint8Array | null): string {
  const bytes = data === null ? 'damaged' : Buffer.from(data).toString('hex');
  return `${index}/${term}/${type}:${bytes}`;
}

describe('a reader that knows FORMAT.md and nothing else', () => {
  it.each(WORKLOADS.map((workload) => [workload.name, workload] as const))(
    'reads what the WAL reads, at each moment of "%s"',
    async (_, workload) => {
      const rig = new Rig(workload.options, 5);
      const states = await collectStates(
        rig,
        null,
        (k) => [{ keepUnsyncedPercent: [0, 50, 100][k % 3] ?? 0, sector: 64 }],
        () => workload.run(new Session(rig, new History(5), 5)),
      );
      for (const state of states) await compare(state.rig, state.before);
    },
  );

  it(
    'reads what the WAL reads after random histories and power losses',
    async () => {
      await share(1, 200, async (i) => {
        const seed = `reader/${SEED}/${i}`;
        const rig = new Rig({}, seed);
        const history = new History(seed);
        rig.fs.crashAtMutation(20 + new SimRandom(seed).int(150));
        try {
          for (let life = 0; life < 3; life++) {
            const { wal } = await rig.open();
            await history.run(rig, wal, 20);
            await rig.close(wal);
          }
        } catch (error) {
          if (!rig.fs.crashed) throw error;
        }
        await compare(rig.afterCrash({ keepUnsyncedPercent: 50 }), seed);
      });
    },
    LONG_MS,
  );

  it('takes a tail that nothing promises for torn', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 3), 2);
    await rig.durable(wal);
    expect(await compare(rig, 'whole')).toBe(false);
    rig.fs.corrupt(`${DIR}/0000000000000001.wal`, 64 + 60, 1);
    expect(await compare(rig, 'torn')).toBe(true);
  });

  it('reads the example of FORMAT.md', () => {
    const document = readFileSync(`${__dirname}/../FORMAT.md`, 'utf8');
    const rows = [...document.matchAll(/^ +(\d+) {2}((?:[0-9a-f]{2} ){15}[0-9a-f]{2})/gm)];
    const bytes = new Uint8Array(4096);
    for (const [, at, row] of rows)
      bytes.set(Buffer.from(row!.replaceAll(' ', ''), 'hex'), Number(at));
    const read = readWal(new Map([['0000000000000001.wal', bytes]]));
    const hex = (text: string): string => Buffer.from(text).toString('hex');
    expect(ofReader(read)).toEqual([
      `1 after 0/0 hint 1: 1/1/0:${hex('hi')} 2/1/0:`,
      `300 after 0/0 hint 0: 1/2/0:${hex('you')}`,
    ]);
    expect([rows.length, read.isTorn, read.damage]).toEqual([10, false, []]);
  });

  it('tells the entries of a damaged payload by index and term, and damage of a head', async () => {
    const rig = new Rig({ mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(1, [...entries(1, 3), entry(4, 2)], 2);
    await rig.durable(wal);
    await rig.scheduler.advance(200);
    const file = `${DIR}/0000000000000001.wal`;
    rig.fs.corrupt(file, Buffer.from(rig.fs.contents(file)).indexOf('e2'), 1);
    const { damage } = readWal(filesOf(rig));
    expect(damage).toEqual(['frame 1']);
    await compare(rig, 'a damaged payload');
    rig.fs.corrupt(file, 70, 1);
    expect(readWal(filesOf(rig)).damage).toEqual(['frame 1']);
  });
});

/** Answers if there was a torn tail. */
async function compare(rig: Rig, what: string): Promise<boolean> {
  // Before the first directory of a WAL is durable there is nothing to be read.
  const read = readWal(rig.fs.stat(DIR) === null ? new Map() : filesOf(rig));
  const { wal, report } = await rig.copy().open();
  expect([what, ofReader(read)]).toEqual([what, ofWal(wal)]);
  expect([what, read.isTorn]).toEqual([what, report.tail === 'torn']);
  expect([what, read.damage.length > 0]).toEqual([what, report.corruptions.length > 0]);
  return read.isTorn;
}
