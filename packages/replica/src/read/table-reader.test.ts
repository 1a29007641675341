import { silentMetrics } from '@dougdb/ports';
import { type Db, type DbIterator, type Found, SstError } from '@dougdb/sstable';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { brief, RecordingSink } from '../../test/support/sink.js';
import { Refusals } from '../refusals.js';
import { replicaTelemetry } from '../telemetry.js';
import { eventualTerms, linearizableTerms } from './read-terms.js';
import { TableReader } from './table-reader.js';

type Get = (key: Uint8Array) => Found | null | Promise<Found | null>;

function readerOn(get: Get): { tables: TableReader; sink: RecordingSink; corrupt: unknown[] } {
  const corrupt: unknown[] = [];
  const tables = new TableReader({
    db: { get } as unknown as Db,
    refusals: new Refusals(() => ({}) as never),
    telemetry: replicaTelemetry(silentMetrics),
    onCorrupt: (error) => corrupt.push(error),
  });
  return { tables, sink: new RecordingSink(), corrupt };
}

const rot = (): SstError => new SstError('SST_CORRUPT', 'bad block', { file: 'f', offset: 7 });

describe('TableReader', () => {
  it('answers what memory knows at once, and what a disk has to say later', async () => {
    let arrive: (found: Found | null) => void = () => undefined;
    const { tables, sink } = readerOn((key) =>
      textOf(key) === 'slow'
        ? new Promise((resolve) => {
            arrive = resolve;
          })
        : { value: bytesOf('v'), sequence: 3, marked: false },
    );
    tables.get(bytesOf('fast'), eventualTerms, 100, sink, 1);
    tables.get(bytesOf('slow'), eventualTerms, 100, sink, 2);
    expect([...sink.answers.keys()]).toEqual([1]);
    expect(tables.inFlight).toBe(1);
    arrive(null);
    expect(brief(await sink.answer(2))).toBe('absent');
    expect(tables.inFlight).toBe(0);
  });

  it('takes the replica out of service for damage, met at once or later', async () => {
    for (const get of [
      (): never => {
        throw rot();
      },
      (): Promise<never> => Promise.reject(rot()),
    ]) {
      const { tables, sink, corrupt } = readerOn(get);
      tables.get(bytesOf('k'), linearizableTerms, 100, sink, 1);
      expect(brief(await sink.answer(1))).toBe('CORRUPT NOT_APPLIED');
      expect(corrupt).toMatchObject([{ code: 'SST_CORRUPT', file: 'f', offset: 7 }]);
      expect(tables.inFlight).toBe(0);
    }
  });

  it('answers a version that is no stored value with an error, met at once or later', async () => {
    const odd: Found = { value: bytesOf('short'), sequence: 3, marked: true };
    for (const found of [odd, Promise.resolve(odd)]) {
      const { tables, sink } = readerOn(() => found);
      tables.get(bytesOf('k'), eventualTerms, 100, sink, 1);
      expect(brief(await sink.answer(1))).toBe('INTERNAL NOT_APPLIED');
      expect(tables.inFlight).toBe(0);
    }
  });

  it('answers other errors as internal ones, and serves on', async () => {
    const { tables, sink, corrupt } = readerOn(() =>
      Promise.reject(new SstError('SST_IO', 'read failed')),
    );
    tables.get(bytesOf('k'), eventualTerms, 100, sink, 1);
    expect(brief(await sink.answer(1))).toBe('INTERNAL NOT_APPLIED');
    expect(corrupt).toEqual([]);
  });

  it('does the same for iterators', () => {
    const { tables, corrupt } = readerOn(() => null);
    const fail = (): never => {
      throw rot();
    };
    let closed = 0;
    const inner: DbIterator = {
      next: fail,
      step: fail,
      seek: fail,
      key: () => bytesOf('k'),
      value: fail,
      sequence: () => 5,
      marked: () => false,
      close: () => {
        closed++;
      },
    };
    const guarded = tables.guard(inner);
    const corruptError = { code: 'DOUG_CORRUPT', outcome: 'NOT_APPLIED' };
    expect(() => guarded.next()).toThrow(expect.objectContaining(corruptError));
    expect(() => guarded.step(1)).toThrow(expect.objectContaining(corruptError));
    expect(() => guarded.seek(bytesOf('x'))).toThrow(expect.objectContaining(corruptError));
    expect(() => guarded.value()).toThrow(expect.objectContaining(corruptError));
    expect([textOf(guarded.key()), guarded.sequence()]).toEqual(['k', 5]);
    guarded.close();
    expect([closed, corrupt.length]).toEqual([1, 4]);
  });
});
