import { DeleteRangeError } from '@dougdb/client';
import { type CodeName, codeNames, codes, DougError } from '@dougdb/rpc-proto';
import { ConnectError, OutputError } from '../src/cli-errors.js';
import { failureOf } from '../src/output/errors.js';
import { hints } from '../src/output/hints.js';
import { FakeDb } from './fake-db.js';
import { runWith } from './run-doug.js';

/** What the documentation says; the table of the protocol must say the same. */
const documented: Readonly<Record<CodeName, number>> = {
  INVALID_ARGUMENT: 2,
  TOO_LARGE: 2,
  NOT_LEADER: 7,
  EPOCH_MISMATCH: 7,
  NO_LEADER: 7,
  DRAINING: 7,
  STARTING: 7,
  BUSY: 7,
  NO_SPACE: 7,
  DEADLINE: 7,
  IN_DOUBT: 5,
  COMPARE_FAILED: 4,
  CROSS_PARTITION: 1,
  SESSION_EXPIRED: 5,
  RESULT_NOT_KEPT: 0,
  COMPACTED: 1,
  FUTURE_REVISION: 1,
  LAGGING: 1,
  UNIMPLEMENTED: 1,
  DECODE: 1,
  CLUSTER_MISMATCH: 1,
  CORRUPT: 1,
  UNAUTHENTICATED: 6,
  PERMISSION_DENIED: 6,
  ABORTED: 130,
  CLOSED: 1,
  INTERNAL: 1,
};

describe.each(codeNames)('a command that fails with %s', (reason) => {
  const error = new DougError(reason, 'as told');
  const connect = (): Promise<FakeDb> => {
    const db = new FakeDb();
    db.faults.fail = error;
    return Promise.resolve(db);
  };

  it('ends with the exit code of the table', async () => {
    expect(codes[reason].exitCode).toBe(documented[reason]);
    for (const args of [
      ['put', 'k', 'v'],
      ['get', 'k'],
      ['del', 'k'],
      ['scan'],
      ['scan', '-o', 'json'],
      ['export'],
      ['member', 'list'],
      ['partition', 'list'],
      ['partition', 'transfer-leader', '2'],
      ['status'],
    ]) {
      const { exitCode, stdout } = await runWith(connect, args);
      expect([...args, exitCode, stdout]).toEqual([...args, documented[reason], '']);
    }
  });

  it('tells it as one JSON object, and as one line and what to do', async () => {
    const json = await runWith(connect, ['put', 'k', 'v', '-o', 'json']);
    const { code, outcome, message } = error;
    expect(json.stderr).toBe(`${JSON.stringify({ code, outcome, message })}\n`);
    const { stderr } = await runWith(connect, ['put', 'k', 'v']);
    const doubt = outcome === 'UNKNOWN' ? ' (it may have taken effect)' : '';
    const hint = hints[reason];
    expect(stderr).toBe(
      `doug: as told${doubt} [${code}]\n${hint === null ? '' : `hint: ${hint}\n`}`,
    );
  });

  it('tells it as well when no cluster is reached', async () => {
    const refuse = (): Promise<never> => Promise.reject(error);
    const { exitCode, stderr } = await runWith(refuse, ['get', 'k', '-o', 'json']);
    expect(exitCode).toBe(documented[reason]);
    expect(JSON.parse(stderr)).toMatchObject({ code: `DOUG_${reason}` });
  });
});

describe('what else goes wrong', () => {
  it('is an internal error of unknown outcome', () => {
    for (const thrown of [new TypeError('a bug'), 'a bug']) {
      expect(failureOf(thrown)).toEqual({
        code: 'DOUG_INTERNAL',
        outcome: 'UNKNOWN',
        message: 'a bug',
        exitCode: 1,
      });
    }
    expect(failureOf(null)).toMatchObject({ code: 'DOUG_INTERNAL', message: 'null' });
  });

  it('says why no cluster was reached, and where its address came from', () => {
    const deadline = (message: string) =>
      failureOf(
        new ConnectError(
          new DougError('DEADLINE', message, { outcome: 'NOT_APPLIED' }),
          'DOUG_ENDPOINTS',
        ),
      );
    const last = 'no cluster at db1:1 within 5 ms; the last answer was DOUG_NO_LEADER: db1:1: ';
    expect(deadline(`${last}UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:1`)).toMatchObject({
      message: 'no cluster at db1:1 within 5 ms: connection refused',
      hint: expect.stringContaining('--endpoint or DOUG_ENDPOINTS names others'),
    });
    expect(deadline(`${last}Name resolution failed`).message).toContain('not known');
    expect(deadline(`${last}connect EHOSTUNREACH 10.0.0.1:1`).message).toContain('no way');
    expect(deadline(`${last}something new`).message).toBe(`${last}something new`);
    const bad = new DougError('INVALID_ARGUMENT', "endpoint 'db1' is not HOST:PORT");
    expect(failureOf(new ConnectError(bad, 'DOUG_ENDPOINTS'))).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
      exitCode: 2,
      message: "endpoint 'db1' is not HOST:PORT",
      hint: 'DOUG_ENDPOINTS wants HOST:PORT with commas, as 127.0.0.1:4400,db2:4400',
    });
  });

  it('ends with 5 when a delete of a range came to some of it, whatever came in the way', async () => {
    for (const [reason, exitCode] of [
      ['DEADLINE', 5],
      ['NO_LEADER', 5],
      ['IN_DOUBT', 5],
      ['ABORTED', 130],
      ['PERMISSION_DENIED', 6],
    ] as const) {
      const db = new FakeDb();
      db.faults.fail = new DeleteRangeError(7, new DougError(reason, 'as told'));
      const args = ['del', '--prefix', 'k/', '-o', 'json'];
      const ran = await runWith(() => Promise.resolve(db), args);
      expect([reason, ran.exitCode]).toEqual([reason, exitCode]);
      expect(JSON.parse(ran.stderr)).toMatchObject({ outcome: 'UNKNOWN', deleted: 7 });
    }
  });

  it('does not let a node write on the terminal', async () => {
    const db = new FakeDb();
    db.faults.fail = new DougError('INTERNAL', 'two\nlines\x1b[2J and\ta tab');
    const { stderr } = await runWith(() => Promise.resolve(db), ['get', 'k']);
    expect(stderr.split('\n')[0]).toBe(
      'doug: two lines [2J and a tab (it may have taken effect) [DOUG_INTERNAL]',
    );
  });
});

describe('standard output', () => {
  async function filled(): Promise<FakeDb> {
    const db = new FakeDb();
    for (let i = 0; i < 5_000; i++) {
      await db.put(Buffer.from(`k${10_000 + i}`), Buffer.from('v'.repeat(100)));
    }
    return db;
  }

  it.each([[['scan']], [['scan', '-o', 'json']], [['scan', '-o', 'raw']], [['export']]])(
    '%j stops quietly when the reader has gone',
    async (args) => {
      const db = await filled();
      let read = 0;
      const scan = db.scan;
      db.scan = ((options: Parameters<FakeDb['scan']>[0]) => {
        const entries = scan(options);
        return (async function* () {
          for await (const entry of entries) {
            read++;
            yield entry;
          }
        })();
      }) as unknown as FakeDb['scan'];
      let writes = 0;
      const stdout = {
        get isGone() {
          return writes > 0;
        },
        write: async () => {
          writes++;
        },
      };
      const ran = await runWith(() => Promise.resolve(db), args, { stdout });
      expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
      expect(writes).toBe(1);
      expect(read).toBeLessThan(2_000);
    },
  );

  it('that cannot be written is an error, whatever the command did', async () => {
    const stdout = {
      isGone: false,
      write: () => Promise.reject(new OutputError(new Error('ENOSPC: no space left on device'))),
    };
    const db = await filled();
    const connect = () => Promise.resolve(db);
    for (const args of [['scan'], ['export'], ['put', 'k', 'v'], ['status'], ['--help']]) {
      const ran = await runWith(connect, args, { stdout });
      expect([...args, ran.exitCode, ran.stderr]).toEqual([
        ...args,
        1,
        'doug: cannot write the output: ENOSPC: no space left on device\n',
      ]);
    }
    const json = await runWith(connect, ['put', 'k', 'v', '-o', 'json'], { stdout });
    // The put took effect: whoever reads this must not believe otherwise.
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'DOUG_OUTPUT', outcome: 'UNKNOWN' });
  });

  it('tells what it has when a scan fails in the middle', async () => {
    const db = await filled();
    db.faults.failScan = { after: 700, error: new DougError('DEADLINE', 'too slow') };
    for (const [args, lines] of [
      [['scan', '-o', 'raw', '--keys-only'], 700],
      [['scan'], 701],
      [['scan', '-o', 'json'], 700],
      [['export'], 700],
    ] as const) {
      const ran = await runWith(() => Promise.resolve(db), args);
      expect([...args, ran.exitCode]).toEqual([...args, 7]);
      expect(ran.stderr).toContain('DOUG_DEADLINE');
      expect(ran.stdout.trimEnd().split('\n')).toHaveLength(lines);
    }
  });
});
