import fc from 'fast-check';
import type { ScanOptions } from '../src/core.js';
import type { FakeVerdict } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

const keys = ['a', 'b', 'user/1', 'user/2', 'user/3', 'user/30', 'user/4', 'user0', 'z', 'é'];

async function filled(splitAt: readonly string[] = ['user/2', 'v']) {
  const sim = await simClient({ splitAt });
  await sim.run(Promise.all(keys.map((key) => sim.db.put(key, `value of ${key}`))));
  return sim;
}

describe('scan', () => {
  const cases: [string, ScanOptions, string[]][] = [
    ['everything', {}, keys],
    ['a prefix', { prefix: 'user/' }, keys.filter((key) => key.startsWith('user/'))],
    ['the empty prefix', { prefix: '' }, keys],
    ['from a start', { start: 'user/3' }, keys.slice(4)],
    ['up to an end', { end: 'user/3' }, keys.slice(0, 4)],
    ['a range', { start: 'b', end: 'user/30' }, keys.slice(1, 5)],
    ['an empty range', { start: 'b', end: 'b' }, []],
    ['a range backwards', { start: 'z', end: 'a' }, []],
    ['a limit', { limit: 4 }, keys.slice(0, 4)],
    ['the limit 0', { limit: 0 }, []],
    ['in reverse', { reverse: true }, [...keys].reverse()],
    [
      'a prefix in reverse with a limit',
      { prefix: 'user/', reverse: true, limit: 3 },
      ['user/4', 'user/30', 'user/3'],
    ],
    ['from any replica', { consistency: 'eventual', prefix: 'user/' }, keys.slice(2, 7)],
  ];

  it.each(cases)('yields %s', async (_, options, expected) => {
    const { db, collect } = await filled();
    const entries = await collect(db.scan(options));
    expect(entries.map(({ key }) => key)).toEqual(expected);
    for (const { key, value } of entries) expect(value).toBe(`value of ${key}`);
  });

  it('leaves the values out if only keys are wanted', async () => {
    const { db, collect } = await filled();
    expect(await collect(db.scan({ keysOnly: true, limit: 2 }))).toEqual([
      { key: 'a', revision: 1 },
      { key: 'b', revision: 2 },
    ]);
  });

  it('goes on where it was after any trouble, and yields nothing twice', async () => {
    const verdicts: FakeVerdict[] = [
      'break',
      { refuse: 'NOT_LEADER' },
      { refuse: 'NO_LEADER' },
      { refuse: 'EPOCH_MISMATCH' },
      { refuse: 'DEADLINE' },
      { refuse: 'CORRUPT' },
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.constantFrom(...verdicts), { freq: 2 }), { maxLength: 12 }),
        fc.boolean(),
        fc.option(fc.nat(12)),
        async (script, reverse, limit) => {
          const { cluster, db, collect } = await filled();
          let at = 0;
          cluster.judge = () => script[at++] ?? 'serve';
          const options = limit === null ? { reverse } : { reverse, limit };
          const found = (await collect(db.scan(options))).map(({ key }) => key);
          const all = reverse ? [...keys].reverse() : keys;
          expect(found).toEqual(all.slice(0, limit ?? all.length));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('goes on over a split and a change of leaders', async () => {
    const { cluster, db, run } = await filled([]);
    const scan = db.scan();
    const found: string[] = [];
    for (;;) {
      const step = await run(scan.next());
      if (step.done) break;
      found.push(step.value.key);
      if (found.length === 3) {
        cluster.split('user/3');
        cluster.lead(2);
        cluster.lead(3, 'user/3');
      }
      if (found.length === 4) cluster.kill(1);
    }
    expect(found).toEqual(keys);
  });

  it('leaves a node that stands still', async () => {
    const { cluster, db, collect, scheduler } = await filled([]);
    cluster.freeze(1);
    scheduler.schedule(300, () => cluster.lead(2));
    expect(await collect(db.scan())).toHaveLength(keys.length);
  });

  it('fails when a chunk takes too long, each chunk having its own time', async () => {
    const { cluster, db, fails, run, scheduler } = await filled([]);
    const slow = db.scan({ timeoutMs: 1000 });
    for (let i = 0; i < 9; i++) {
      await run(slow.next());
      await scheduler.advance(900);
    }
    expect((await run(slow.next())).value).toMatchObject({ key: 'é' });
    cluster.lead(0);
    const error = await fails(db.scan({ timeoutMs: 1000 }).next());
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    expect(error.message).toMatch(/no chunk within 1000 ms; the last answer was DOUG_NO_LEADER/);
  });

  it('fails at once when a retry cannot help', async () => {
    const { cluster, db, fails } = await filled();
    cluster.judge = () => ({ refuse: 'PERMISSION_DENIED' });
    expect(await fails(db.scan().next())).toMatchObject({ code: 'DOUG_PERMISSION_DENIED' });
    cluster.judge = () => ({ refuse: 'INTERNAL' });
    expect(await fails(db.scan().next())).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'NOT_APPLIED',
    });
  });

  it.each([
    ['a prefix and a start', { prefix: 'a', start: 'b' }],
    ['a limit below 0', { limit: -1 }],
    ['half a limit', { limit: 1.5 }],
    ['text without UTF-8', { prefix: '\ud800' }],
    ['no time', { timeoutMs: 0 }],
  ])('refuses %s', async (_, options) => {
    const { db, fails } = await filled();
    expect(await fails(db.scan(options).next())).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
  });

  it('ends with its signal', async () => {
    const { cluster, db, run, fails, scheduler } = await filled();
    const stop = new AbortController();
    const scan = db.scan({ signal: stop.signal });
    await run(scan.next());
    for (let i = 0; i < 2; i++) await run(scan.next());
    cluster.freeze(1);
    scheduler.schedule(100, () => stop.abort(new Error('enough')));
    const error = await fails(scan.next());
    expect(error).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
    expect(await fails(db.scan({ signal: stop.signal }).next())).toMatchObject({
      code: 'DOUG_ABORTED',
    });
  });

  it('ends with the client, and leaves nothing behind', async () => {
    const { cluster, clock, db, run, fails, scheduler } = await filled();
    const scan = db.scan();
    for (let i = 0; i < 3; i++) await run(scan.next());
    cluster.freeze(1);
    scheduler.schedule(100, () => void db.close());
    expect(await fails(scan.next())).toMatchObject({ code: 'DOUG_CLOSED', outcome: 'NOT_APPLIED' });
    expect(await fails(db.scan().next())).toMatchObject({ code: 'DOUG_CLOSED' });
    expect(clock.pendingCount).toBe(0);
  });

  it('ends its call when it is left early', async () => {
    const { cluster, clock, db, run } = await filled();
    const scanned = jest.spyOn(cluster, 'stream');
    const first = async (): Promise<string | undefined> => {
      for await (const { key } of db.scan()) return key;
      return undefined;
    };
    expect(await run(first())).toBe('a');
    expect(scanned.mock.calls[0]?.[3].aborted).toBe(true);
    await db.close();
    expect(clock.pendingCount).toBe(0);
  });

  it('does not go round in circles with a node that leads nowhere', async () => {
    const { cluster, db, fails } = await filled([]);
    const real = cluster.stream.bind(cluster);
    jest
      .spyOn(cluster, 'stream')
      .mockImplementation(async function* (address, path, bytes, signal) {
        for await (const chunk of real(address, path, bytes, signal)) {
          yield chunk;
          yield chunk;
        }
      });
    const all = async (): Promise<void> => {
      for await (const _ of db.scan());
    };
    expect(await fails(all())).toMatchObject({ code: 'DOUG_INTERNAL', outcome: 'NOT_APPLIED' });
  });
});
