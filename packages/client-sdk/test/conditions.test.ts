import { Consistency, PipeResponseWriter } from '@dougdb/rpc-proto';
import { CompareFailedError, type DougClient } from '../src/core.js';
import type { FakeItem, FakeVerdict } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

/** Judges the first items as listed and serves the rest; keeps what arrived. */
function script(...verdicts: FakeVerdict[]) {
  const items: FakeItem[] = [];
  const judge = (item: FakeItem): FakeVerdict => {
    items.push(item);
    return verdicts[items.length - 1] ?? 'serve';
  };
  return { items, judge };
}

const compareFailed = {
  name: 'CompareFailedError',
  code: 'DOUG_COMPARE_FAILED',
  outcome: 'NOT_APPLIED',
  retryable: false,
};

describe('a put with ifAbsent', () => {
  it('takes effect where nothing is, and changes nothing where something is', async () => {
    const { db, run, fails } = await simClient();
    expect(await run(db.put('k', 'first', { ifAbsent: true }))).toEqual({ revision: 1 });
    const error = await fails(db.put('k', 'second', { ifAbsent: true }));
    expect(error).toMatchObject({ ...compareFailed, current: { revision: 1 } });
    expect(error.message).toBe('the condition is not met: the key was last written at revision 1');
    expect(CompareFailedError.is(error)).toBe(true);
    expect(await run(db.get('k'))).toMatchObject({ value: 'first', revision: 1 });
    // A condition that is not met takes no revision.
    expect(await run(db.put('other', 'v'))).toEqual({ revision: 2 });
  });

  it('takes effect again after a delete', async () => {
    const { db, run } = await simClient();
    await run(db.put('k', '1'));
    await run(db.delete('k'));
    expect(await run(db.put('k', '2', { ifAbsent: true }))).toEqual({ revision: 3 });
  });

  it('said to be false is no condition', async () => {
    const { db, run } = await simClient();
    await run(db.put('k', '1'));
    expect(await run(db.put('k', '2', { ifAbsent: false }))).toEqual({ revision: 2 });
  });
});

describe('a write with ifRevision', () => {
  it('takes effect at that revision only', async () => {
    const { db, run, fails } = await simClient();
    const { revision } = await run(db.put('k', '1'));
    expect(await run(db.put('k', '2', { ifRevision: revision }))).toEqual({ revision: 2 });
    for (const write of [
      db.put('k', '3', { ifRevision: revision }),
      db.delete('k', { ifRevision: revision }),
    ]) {
      expect(await fails(write)).toMatchObject({ ...compareFailed, current: { revision: 2 } });
    }
    expect(await run(db.delete('k', { ifRevision: 2 }))).toEqual({ revision: 3 });
    const gone = await fails(db.put('k', '4', { ifRevision: 2 }));
    expect(gone).toMatchObject({ ...compareFailed, current: null });
    expect(gone.message).toBe('the condition is not met: the key is not there');
  });

  it('tells the value that stands in the way if it is asked to', async () => {
    const { db, run, fails } = await simClient();
    await run(db.put('k', 'there'));
    const options = { ifRevision: 9, returnPrevious: true } as const;
    expect(await fails(db.put('k', 'v', options))).toMatchObject({
      current: { revision: 1, value: 'there' },
    });
    expect(await fails(db.delete('k', options))).toMatchObject({
      current: { revision: 1, value: 'there' },
    });
    expect(await fails(db.delete('nobody', options))).toMatchObject({ current: null });
    const bare = await fails(db.put('k', 'v', { ifRevision: 9 }));
    expect(bare).toMatchObject({ current: { revision: 1 } });
    expect((bare as CompareFailedError).current).not.toHaveProperty('value');
  });

  it('loses no update of many clients that count together', async () => {
    const { cluster, db, run, join } = await simClient();
    const others = [await join(), await join()];
    await run(db.put('n', '0'));
    const count = async (client: DougClient): Promise<void> => {
      for (let done = 0; done < 10; ) {
        const hit = await client.get('n');
        try {
          await client.put('n', `${Number(hit?.value) + 1}`, { ifRevision: hit?.revision });
          done++;
        } catch (error) {
          if (!CompareFailedError.is(error)) throw error;
        }
      }
    };
    await run(Promise.all([db, ...others].map(count)));
    expect((await run(db.get('n')))?.value).toBe('30');
    expect(cluster.applied).toHaveLength(31);
  });
});

describe('what was there before', () => {
  it('is told by a put', async () => {
    const { db, run } = await simClient();
    expect(await run(db.put('k', '1', { returnPrevious: true }))).toEqual({
      revision: 1,
      previous: null,
    });
    expect(await run(db.put('k', '', { returnPrevious: true }))).toEqual({
      revision: 2,
      previous: { value: '1', revision: 1 },
    });
    expect(await run(db.put('k', '3', { ifRevision: 2, returnPrevious: true }))).toEqual({
      revision: 3,
      previous: { value: '', revision: 2 },
    });
  });

  it('is told by a delete, which takes no revision if it finds nothing', async () => {
    const { cluster, db, run } = await simClient();
    await run(db.put('k', '1'));
    expect(await run(db.delete('nobody', { returnExisted: true }))).toEqual({
      revision: 1,
      existed: false,
    });
    expect(await run(db.delete('nobody', { returnPrevious: true }))).toEqual({
      revision: 1,
      previous: null,
    });
    expect(await run(db.delete('k', { returnPrevious: true, returnExisted: true }))).toEqual({
      revision: 2,
      previous: { value: '1', revision: 1 },
      existed: true,
    });
    expect(await run(db.delete('k', { returnPrevious: true, returnExisted: true }))).toEqual({
      revision: 2,
      previous: null,
      existed: false,
    });
    await run(db.put('k', '2'));
    expect(await run(db.delete('k', { returnExisted: true }))).toEqual({
      revision: 4,
      existed: true,
    });
    expect(cluster.applied).toHaveLength(4);
    // A delete that does not look takes a revision in any case.
    expect(await run(db.delete('nobody'))).toEqual({ revision: 5 });
  });

  it('comes in the types of the codec', async () => {
    const { db, run, fails } = await simClient();
    const json = db.withCodec('json');
    await run(json.put('k', { a: 1 }));
    const { previous } = await run(json.put('k', [], { returnPrevious: true }));
    expect(previous?.value).toEqual({ a: 1 });
    const error = await fails(json.put('k', 0, { ifAbsent: true, returnPrevious: true }));
    expect(error).toMatchObject({ current: { value: [], revision: 2 } });
  });

  it('that the codec refuses does not hide that the write took effect', async () => {
    const { cluster, db, run, fails } = await simClient();
    await run(db.withCodec('bytes').put('k', Uint8Array.of(0xff)));
    const error = await fails(db.put('k', 'v', { returnPrevious: true }));
    expect(error).toMatchObject({ code: 'DOUG_DECODE', outcome: 'UNKNOWN', retryable: false });
    expect(error.message).toMatch(/the put took effect at revision 2, but the codec refused/);
    expect(error.cause).toMatchObject({ name: 'TypeError' });
    expect(cluster.applied).toHaveLength(2);
  });

  it('that the codec refuses does not hide that a condition was not met', async () => {
    const { db, run, fails } = await simClient();
    await run(db.withCodec('bytes').put('k', Uint8Array.of(0xff)));
    const error = await fails(db.put('k', 'v', { ifAbsent: true, returnPrevious: true }));
    expect(error).toMatchObject({ ...compareFailed, current: { revision: 1 } });
    expect(error.cause).toMatchObject({ code: 'DOUG_DECODE' });
  });
});

describe('a write with a condition whose answer is lost', () => {
  it.each(['serve-and-break', 'doubt-and-serve-later', 'serve-twice'] as const)(
    'is not told that it failed because of itself: %s (applied-once)',
    async (verdict) => {
      const { cluster, db, run, scheduler } = await simClient();
      const { revision } = await run(db.put('k', '0'));
      const { items, judge } = script(verdict);
      cluster.judge = judge;
      const put = db.put('k', '1', { ifRevision: revision, returnPrevious: true });
      expect(await run(put)).toEqual({ revision: 2, previous: { value: '0', revision: 1 } });
      await scheduler.advance(2000);
      cluster.judge = script('serve-and-break').judge;
      expect(await run(db.put('new', '1', { ifAbsent: true }))).toEqual({ revision: 3 });
      cluster.judge = script('serve-and-break').judge;
      expect(await run(db.delete('new', { returnExisted: true }))).toEqual({
        revision: 4,
        existed: true,
      });
      expect(cluster.applied).toHaveLength(4);
      expect(items.length).toBe(verdict === 'serve-twice' ? 1 : 2);
    },
  );

  it('has taken effect although somebody wrote after it (applied-once)', async () => {
    const { cluster, db, run, join } = await simClient();
    const other = await join();
    await run(db.put('k', '0'));
    // Between the two attempts the other client writes.
    cluster.judge = ({ resend }) => {
      if (resend || cluster.applied.length !== 1) return 'serve';
      void other.put('k', 'theirs');
      return 'serve-and-break';
    };
    const put = run(db.put('k', 'ours', { ifRevision: 1 }));
    expect(await put).toEqual({ revision: 2 });
    await run(other.put('later', 'v'));
    expect(await run(db.get('k'))).toMatchObject({ value: 'theirs', revision: 3 });
  });

  it('fails although it would be met by now (applied-once)', async () => {
    const { cluster, db, run, fails, join } = await simClient();
    const other = await join();
    await run(db.put('k', '0'));
    cluster.judge = ({ resend, key }) => {
      if (resend || key !== 'k') return 'serve';
      cluster.judge = () => 'serve';
      void other.delete('k');
      return 'serve-and-break';
    };
    const error = await fails(db.put('k', 'v', { ifAbsent: true, returnPrevious: true }));
    expect(error).toMatchObject({ ...compareFailed, current: { revision: 1, value: '0' } });
    await run(other.put('later', 'v'));
    expect(await run(db.get('k'))).toBeNull();
    expect(cluster.applied).toHaveLength(3);
  });

  it('tells that its details are gone', async () => {
    const { cluster, db, run, fails } = await simClient();
    cluster.partitions[0]!.keepsResults = false;
    const lost = (): void => {
      cluster.judge = script('serve-and-break').judge;
    };
    lost();
    expect(await run(db.put('k', '1', { returnPrevious: true }))).toEqual({
      revision: 1,
      resultKept: false,
    });
    lost();
    const all = { returnPrevious: true, returnExisted: true } as const;
    expect(await run(db.delete('k', all))).toEqual({ revision: 2, resultKept: false });
    // Nothing is missing where no details were asked for.
    lost();
    expect(await run(db.put('k', '2', { ifAbsent: true }))).toEqual({ revision: 3 });
    lost();
    expect(await run(db.put('k', '3'))).toEqual({ revision: 4 });
    lost();
    const error = await fails(db.put('k', '4', { ifRevision: 1, returnPrevious: true }));
    expect(error).toMatchObject({ ...compareFailed, current: undefined });
    expect(error.message).toBe('the condition is not met: what was there is no longer known');
    expect(cluster.applied).toHaveLength(4);
  });

  it('tells that its details are gone if they are large', async () => {
    const { cluster, db, run } = await simClient();
    await run(db.put('small', 'x'.repeat(4096)));
    await run(db.put('large', 'x'.repeat(4097)));
    for (const [key, resultKept] of [
      ['small', undefined],
      ['large', false],
    ] as const) {
      cluster.judge = script('serve-and-break').judge;
      const result = await run(db.put(key, '', { returnPrevious: true }));
      expect(result.resultKept).toBe(resultKept);
    }
  });

  it('is UNKNOWN when the time is up first', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = ({ resend }) => (resend ? 'swallow' : 'serve-and-break');
    expect(await fails(db.put('k', 'v', { ifAbsent: true, timeoutMs: 500 }))).toMatchObject({
      code: 'DOUG_IN_DOUBT',
      outcome: 'UNKNOWN',
    });
  });
});

describe('the options of a write', () => {
  it.each([
    ['put', { ifRevision: 0 }],
    ['put', { ifRevision: -1 }],
    ['put', { ifRevision: 1.5 }],
    ['put', { ifRevision: Number.NaN }],
    ['put', { ifRevision: 2 ** 53 }],
    ['put', { ifRevision: '7' as unknown as number }],
    ['put', { ifRevision: null as unknown as number }],
    ['put', { ifRevision: 1, ifAbsent: true }],
    ['put', { ifAbsent: 1 as unknown as boolean }],
    ['put', { returnPrevious: 'yes' as unknown as boolean }],
    ['delete', { ifRevision: 0 }],
    ['delete', { returnExisted: null as unknown as boolean }],
    ['delete', { ifAbsent: true } as object],
    ['put', { returnExisted: true } as object],
  ] as const)('of a %s are refused before anything is sent: %j', async (kind, options) => {
    const { cluster, db, fails } = await simClient();
    const call = kind === 'put' ? db.put('k', 'v', options) : db.delete('k', options);
    expect(await fails(call)).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
      outcome: 'NOT_APPLIED',
    });
    expect(cluster.arrived).toBe(0);
  });

  it('travel as they were called, one key in the order of the calls (call-order)', async () => {
    const { cluster, db, run } = await simClient();
    const calls = [
      db.put('k', '1', { ifAbsent: true }),
      db.put('k', '2', { ifRevision: 1 }),
      db.put('k', '3', { returnPrevious: true }),
      db.delete('k', { ifRevision: 3 }),
      db.put('k', '4', { ifAbsent: true }),
      db.put('k', '5', { ifAbsent: true }),
      db.get('k'),
    ];
    const settled = await run(Promise.allSettled(calls));
    expect(settled.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    ]);
    expect(cluster.messages).toBe(2);
    expect(settled[6]).toMatchObject({ value: { value: '4', revision: 5 } });
  });
});

describe('an answer to a write with a condition that makes no sense', () => {
  it.each([
    ['a failed comparison of a blind write', {}, { compareFailed: true, previousRevision: 3 }],
    ['a failed comparison without a condition', { returnPrevious: true }, { compareFailed: true }],
    ['success at another revision', { ifRevision: 7 }, { previousRevision: 6 }],
    ['success where nothing is', { ifRevision: 7 }, { previousRevision: 0 }],
    ['success where something is', { ifAbsent: true }, { previousRevision: 6 }],
    [
      'failure where the revision is right',
      { ifRevision: 7 },
      { compareFailed: true, previousRevision: 7 },
    ],
    ['failure where nothing is', { ifAbsent: true }, { compareFailed: true }],
  ] as const)('is an error of unknown outcome: %s', async (_, options, answer) => {
    const { cluster, db, fails } = await simClient();
    const open = cluster.openPipe.bind(cluster);
    jest.spyOn(cluster, 'openPipe').mockImplementation((address, events) =>
      open(address, {
        ...events,
        received: () => {
          const writer = new PipeResponseWriter();
          const blank = { revision: 9, compareFailed: false, previousRevision: 0 };
          const header = { ...noHeader, clusterId: cluster.clusterId };
          writer.addLookedWrite(1, header, { ...blank, previousValue: null, ...answer });
          events.received(writer.finish());
        },
      }),
    );
    expect(await fails(db.put('k', 'v', options))).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'UNKNOWN',
    });
  });
});

const noHeader = {
  clusterId: new Uint8Array(0),
  nodeId: 1,
  partitionId: 2,
  revision: 9,
  term: 1,
  appliedIndex: 9,
  logTime: 1,
  served: Consistency.CONSISTENCY_LINEARIZABLE,
  ageMs: 0,
};

it('the types of results follow the options', () => {
  const typed = async (db: DougClient<number>, isWanted: boolean): Promise<void> => {
    const plain: { readonly revision: number } = await db.put('k', 1);
    // @ts-expect-error it was not asked for
    void (await db.put('k', 1, { ifAbsent: true })).previous;
    const put = await db.put('k', 1, { returnPrevious: true });
    // @ts-expect-error it may not be known
    void (put.previous satisfies { readonly value: number } | null);
    if (put.resultKept !== false) void (put.previous satisfies { readonly value: number } | null);
    else void (put.previous satisfies undefined);
    const removed = await db.delete('k', { returnExisted: true });
    if (removed.resultKept !== false) void (removed.existed satisfies boolean);
    // @ts-expect-error it was not asked for
    void removed.previous;
    const both = await db.delete('k', { returnExisted: true, returnPrevious: true });
    void [both.existed, both.previous?.value satisfies number | undefined];
    const perhaps = await db.put('k', 1, { returnPrevious: isWanted });
    void (perhaps.previous?.value satisfies number | undefined);
    // @ts-expect-error a put does not know what a delete does
    await db.put('k', 1, { returnExisted: true });
    // @ts-expect-error a delete of what is not there is no condition
    await db.delete('k', { ifAbsent: true });
    void plain;
  };
  expect(typeof typed).toBe('function');
});
