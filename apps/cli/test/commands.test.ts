import { Doug } from './run-doug.js';

const notUtf8 = Buffer.from([0xff, 0x00, 0x41]);

describe('doug put, get, del', () => {
  it('print what was done', async () => {
    const doug = new Doug();
    expect(await doug.run(['put', 'user/1', 'Ada'])).toMatchObject({
      exitCode: 0,
      stdout: 'put: revision 1\n',
      stderr: '',
    });
    expect((await doug.run(['get', 'user/1'])).stdout).toBe('Ada\n');
    expect((await doug.run(['del', 'user/1'])).stdout).toBe('del: revision 2\n');
  });

  it('print one JSON object', async () => {
    const doug = new Doug();
    const json = async (...args: string[]) => (await doug.run([...args, '-o', 'json'])).stdout;
    expect(await json('put', 'k', 'v')).toBe('{"key":"k","revision":1}\n');
    expect(await json('get', 'k')).toBe('{"key":"k","value":"v","revision":1}\n');
    expect(await json('get', 'k', '--consistency', 'eventual')).toBe(
      '{"key":"k","value":"v","revision":1,"age_ms":12}\n',
    );
    expect(await json('del', 'k')).toBe('{"key":"k","revision":2}\n');
  });

  it('print bytes alone with -o raw', async () => {
    const doug = new Doug();
    expect((await doug.run(['put', 'k', '-', '-o', 'raw'], { stdin: notUtf8 })).stdout).toBe('');
    const got = await doug.run(['get', 'k', '-o', 'raw']);
    expect(got.stdoutBytes).toEqual(notUtf8);
    const json = await doug.run(['get', 'k', '-o', 'json']);
    expect(json.stdout).toBe('{"key":"k","value_base64":"/wBB","revision":1}\n');
  });

  it('take a value from standard input as it is', async () => {
    const doug = new Doug();
    const value = `${'line\n'.repeat(10_000)}end`;
    await doug.run(['put', 'k', '-'], { stdin: value });
    expect((await doug.run(['get', 'k', '-o', 'raw'])).stdout).toBe(value);
  });

  it('end with 3 when there is no such key', async () => {
    const doug = new Doug();
    expect(await doug.run(['get', 'nobody'])).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: "doug: there is no key 'nobody'\n",
    });
    expect(await doug.run(['get', 'nobody', '-o', 'json'])).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr:
        '{"code":"DOUG_NOT_FOUND","outcome":"NOT_APPLIED","message":"there is no key \'nobody\'"}\n',
    });
  });
});

describe('doug del of a range', () => {
  it('says when it cannot tell how many there were', async () => {
    const doug = new Doug();
    for (const partition of doug.cluster.partitions) partition.keepsResults = false;
    const ran = async (...args: string[]) => {
      let isFirst = true;
      doug.cluster.judge = ({ kind }) => {
        if (kind !== 'delete-range' || !isFirst) return 'serve';
        isFirst = false;
        return 'serve-and-break';
      };
      await doug.run(['put', 'k/1', 'v']);
      return (await doug.run(['del', '--prefix', 'k/', ...args])).stdout;
    };
    expect(await ran('-o', 'json')).toBe('{"deleted":0,"result_kept":false}\n');
    expect(await ran()).toBe(
      'del: 0 keys at least: how many a part of it was is no longer known\n',
    );
  });
});

describe('doug scan --token', () => {
  it.each([[[]], [['--reverse']], [['--reverse', '--keys-only']]])(
    'says how the rest is asked for, until there is none: %j',
    async (flags) => {
      const doug = new Doug();
      for (const key of ['a', 'b', 'c']) await doug.run(['put', key, 'v']);
      const args = ['--limit', '2', '--token', '-o', 'raw'];
      const first = await doug.run(['scan', ...flags, ...args]);
      const rest = /^hint: the rest: doug (scan --from .+)\n$/.exec(first.stderr)?.[1] ?? '';
      const second = await doug.run([...rest.split(' '), ...args]);
      expect([second.exitCode, second.stderr]).toEqual([0, '']);
      const keys = (first.stdout + second.stdout).split('\n').map((line) => line[0]);
      expect(keys.slice(0, -1)).toEqual(flags.length > 0 ? ['c', 'b', 'a'] : ['a', 'b', 'c']);
    },
  );
});

describe('doug txn', () => {
  it.each(['if', 'then', 'else'])('does not take null for an empty list: %s', async (name) => {
    const doug = new Doug();
    const txn = { then: [{ put: 'k', value: 'v' }], [name]: null };
    const { exitCode, stderr } = await doug.run(['txn'], { stdin: JSON.stringify(txn) });
    expect([exitCode, stderr.includes(`'${name}' is no list`)]).toEqual([2, true]);
  });
});

describe('conditions', () => {
  it('are looked at by the cluster: 4 and what stands there', async () => {
    const doug = new Doug();
    expect(await doug.run(['put', 'k', 'one', '--if-absent'])).toMatchObject({
      exitCode: 0,
      stdout: 'put: revision 1\n',
    });
    const refused = await doug.run(['put', 'k', 'two', '--if-absent', '-o', 'json']);
    expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
    expect(JSON.parse(refused.stderr)).toEqual({
      code: 'DOUG_COMPARE_FAILED',
      outcome: 'NOT_APPLIED',
      message: 'the condition is not met: the key was last written at revision 1',
      current: { revision: 1 },
    });
    const shown = await doug.run(['put', 'k', 'two', '--if-revision', '7', '--return-previous']);
    expect(shown.exitCode).toBe(4);
    expect(shown.stderr).toBe(
      'doug: the condition is not met: the key was last written at revision 1, its value is one [DOUG_COMPARE_FAILED]\n' +
        'hint: nothing has changed; it would work with --if-revision 1\n',
    );
    expect((await doug.run(['get', 'k'])).stdout).toBe('one\n');
    expect(doug.cluster.applied).toHaveLength(1);
    const met = await doug.run(['put', 'k', 'two', '--if-revision', '1', '--return-previous']);
    expect(met.stdout).toBe('put: revision 2, before it revision 1: one\n');
    expect((await doug.run(['del', 'k', '--if-revision', '1'])).exitCode).toBe(4);
    expect((await doug.run(['del', 'k', '--if-revision', '2', '--existed'])).stdout).toBe(
      'del: revision 3, the key was there\n',
    );
    expect((await doug.run(['del', 'k', '--if-revision', '2'])).stderr).toContain(
      'the key is not there',
    );
    expect((await doug.run(['del', 'k', '--existed'])).stdout).toBe('del: there was no such key\n');
    expect((await doug.run(['del', 'k', '--return-previous', '-o', 'json'])).stdout).toBe(
      '{"key":"k","revision":3,"previous":null}\n',
    );
  });

  it('bytes before are bytes again', async () => {
    const doug = new Doug();
    await doug.run(['put', 'k', '-'], { stdin: notUtf8 });
    const ran = await doug.run(['put', 'k', 'v', '--return-previous', '-o', 'raw']);
    expect(ran.stdoutBytes).toEqual(notUtf8);
  });

  it('refuse a value that no cluster takes, without reading to its end', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 1 << 20;
        yield Buffer.alloc(1 << 20);
      }
    }
    const ran = await new Doug().run(['put', 'k', '-'], { stdin: endless() });
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ran.stderr).toContain('a value of more than 4194304 bytes is too large');
    expect(read).toBeLessThan(6 << 20);
    const large = await new Doug().run(['put', 'k', '-'], { stdin: Buffer.alloc((1 << 20) + 1) });
    expect(large.exitCode).toBe(2);
    expect(large.stderr).toContain('over the limit of 1048576');
  });
});

describe('behind a facade', () => {
  it('everything works, and no node is asked', async () => {
    const doug = new Doug({ facades: 2, splitAt: ['m'] });
    doug.cluster.lead(2, 'z');
    const asked: string[] = [];
    const unary = doug.cluster.unary.bind(doug.cluster);
    doug.cluster.unary = (address, ...rest) => {
      asked.push(address);
      return unary(address, ...rest);
    };
    await doug.run(['put', 'a', '1']);
    await doug.run(['put', 'z', '2', '--if-absent']);
    expect((await doug.run(['scan', '-o', 'raw'])).stdout).toBe('a\t1\nz\t2\n');
    expect((await doug.run(['get', 'z'])).stdout).toBe('2\n');
    expect((await doug.run(['put', 'z', '3', '--if-absent'])).exitCode).toBe(4);
    expect((await doug.run(['member', 'list', '-o', 'raw'])).stdout.split('\n')).toHaveLength(4);
    expect((await doug.run(['partition', 'list', '-o', 'raw'])).stdout).toBe('1\n2\n3\n');
    expect((await doug.run(['partition', 'transfer-leader', '3', '--to', '3'])).stdout).toBe(
      'partition 3: node 3 leads in term 2\n',
    );
    expect((await doug.run(['status', '--node', '3'])).stdout).toMatch(/^ +3 +n3:4400 +3 +leader/m);
    expect((await doug.run(['status', '-o', 'raw'])).stdout).toBe(
      'n1:4400 OK\nn2:4400 OK\nn3:4400 OK\n',
    );
    const lines = Array.from(
      { length: 20 },
      (_, i) => `{"key":"${'amz'[i % 3]}${i}","value":"v"}\n`,
    );
    expect((await doug.run(['import', '-'], { stdin: lines.join('') })).stdout).toMatch(
      /^imported 20 keys/,
    );
    expect((await doug.run(['export'])).stdout.split('\n')).toHaveLength(23);
    expect(asked.filter((address) => address.startsWith('n'))).toEqual([]);
    expect(asked.length).toBeGreaterThan(10);
  });
});

describe('doug scan', () => {
  async function filled(): Promise<Doug> {
    const doug = new Doug({ splitAt: ['user/2'] });
    for (const [key, value] of [
      ['a', 'first'],
      ['user/1', 'Ada'],
      ['user/2', 'two\nlines'],
      ['user/30', 'x'.repeat(100)],
    ]) {
      await doug.run(['put', key as string, value as string]);
    }
    await doug.run(['put', 'user/4', '-'], { stdin: notUtf8 });
    return doug;
  }

  it('prints a table', async () => {
    const doug = await filled();
    expect((await doug.run(['scan'])).stdout).toBe(
      [
        'KEY      REVISION  VALUE',
        'a               1  first',
        'user/1          2  Ada',
        'user/2          1  two\\nlines',
        `user/30         2  ${'x'.repeat(100)}`,
        'user/4          3  \\xff\\x00A',
        '',
      ].join('\n'),
    );
  });

  it('cuts rows to the width of a terminal', async () => {
    const doug = await filled();
    const { stdout } = await doug.run(['scan', '--prefix', 'user/3'], {
      isTty: true,
      columns: 40,
      env: { NO_COLOR: '1' },
    });
    expect(stdout).toBe(`KEY      REVISION  VALUE\nuser/30         2  ${'x'.repeat(20)}…\n`);
  });

  it('prints one JSON object a line', async () => {
    const doug = await filled();
    const { stdout } = await doug.run(['scan', 'user/2', 'user/3', '-o', 'json']);
    expect(stdout).toBe('{"key":"user/2","value":"two\\nlines","revision":1}\n');
    const keys = await doug.run(['scan', '--keys-only', '--limit', '2', '-o', 'json']);
    expect(keys.stdout).toBe('{"key":"a","revision":1}\n{"key":"user/1","revision":2}\n');
  });

  it('prints bytes with -o raw', async () => {
    const doug = await filled();
    const { stdoutBytes } = await doug.run(['scan', 'user/4', '-o', 'raw']);
    expect(stdoutBytes).toEqual(
      Buffer.concat([Buffer.from('user/4\t'), notUtf8, Buffer.from('\n')]),
    );
    const keys = await doug.run(['scan', '--keys-only', '--reverse', '-o', 'raw']);
    expect(keys.stdout).toBe('user/4\nuser/30\nuser/2\nuser/1\na\n');
  });

  it('prints nothing when there is nothing', async () => {
    const doug = new Doug();
    for (const format of ['table', 'json', 'raw']) {
      expect(await doug.run(['scan', '-o', format])).toMatchObject({ exitCode: 0, stdout: '' });
    }
  });

  it('lays a long table out page by page', async () => {
    const doug = new Doug();
    const lines = Array.from({ length: 450 }, (_, i) => `{"key":"k${1000 + i}","value":"v"}\n`);
    await doug.run(['import', '-'], { stdin: lines.join('') });
    const rows = (await doug.run(['scan'])).stdout.trimEnd().split('\n');
    expect(rows).toHaveLength(451);
    expect(rows.filter((row) => row.startsWith('KEY'))).toHaveLength(1);
    expect(rows.at(-1)).toMatch(/^k1449 +450 {2}v$/);
  });

  it('refuses a prefix with a start', async () => {
    const ran = await new Doug().run(['scan', 'a', '--prefix', 'b']);
    expect(ran).toMatchObject({
      exitCode: 2,
      stderr: 'doug: scan takes --prefix or START and END, not both\n',
    });
  });
});

describe('doug status, member list, partition', () => {
  it('show the replicas of all nodes, whichever endpoints are named, or those of one', async () => {
    const doug = new Doug({ splitAt: ['m'] });
    doug.cluster.lead(2, 'z');
    await doug.run(['put', 'k', 'v']);
    const status = async (...args: string[]) =>
      (await doug.run(['status', ...args, '--timeout', '1s'])).stdout;
    const heading =
      'NODE  ADDRESS  PARTITION  ROLE      LEADER  STATE    TERM  COMMIT  APPLIED  REVISION\n';
    const first = [
      '   1  n1:4400          2  leader         1  serving     1       1        1         1',
      '   1  n1:4400          3  follower       2  serving     1       0        0         0',
      '',
    ].join('\n');
    const second = [
      '   2  n2:4400          2  follower       1  serving     1       1        1         1',
      '   2  n2:4400          3  leader         2  serving     1       0        0         0',
      '',
    ].join('\n');
    const third = [
      '   3  n3:4400          2  follower       1  serving     1       1        1         1',
      '   3  n3:4400          3  follower       2  serving     1       0        0         0',
      '',
    ].join('\n');
    const all = heading + first + second + third;
    expect(await status()).toBe(all);
    expect(await status('--endpoint', 'n2:4400')).toBe(all);
    expect(await status('--endpoint', 'n3:4400,n1:4400')).toBe(all);
    expect(await status('--node', '2')).toBe(heading + second);
  });

  it('show a node that does not answer as unreachable, and an endpoint where nobody is', async () => {
    const doug = new Doug();
    doug.cluster.kill(2);
    doug.cluster.freeze(3);
    const args = ['--endpoint', 'n1:4400,n2:4400,gone:1', '--timeout', '500ms'];
    const { exitCode, stdout } = await doug.run(['status', ...args]);
    expect(exitCode).toBe(0);
    const empty = '-  -            -  unreachable     -       -        -         -';
    expect(stdout.split('\n').slice(2)).toEqual([
      `   2  n2:4400          ${empty}`,
      `   3  n3:4400          ${empty}`,
      `   -  gone:1           ${empty}`,
      '',
    ]);
    const raw = await doug.run(['status', ...args, '-o', 'raw']);
    expect(raw.stdout).toBe(
      'n1:4400 OK\nn2:4400 DOUG_NO_LEADER\nn3:4400 DOUG_DEADLINE\ngone:1 DOUG_NO_LEADER\n',
    );
  });

  it('follow leaders that move', async () => {
    const doug = new Doug({ splitAt: ['m'] });
    expect(await doug.run(['partition', 'transfer-leader', '3', '--to', '2'])).toMatchObject({
      exitCode: 0,
      stdout: 'partition 3: node 2 leads in term 2\n',
      stderr: '',
    });
    expect((await doug.run(['partition', 'transfer-leader', '3', '-o', 'raw'])).stdout).toBe('3\n');
    expect((await doug.run(['partition', 'list'])).stdout).toBe(
      [
        'PARTITION  KEYSPACE  START    END     EPOCH  LEADER  VOTERS  LEARNERS',
        '        1  meta      (first)  (last)  1.1         1  1,2,3   -',
        '        2  data      (first)  m       2.1         1  1,2,3   -',
        '        3  data      m        (last)  2.1         3  1,2,3   -',
        '',
      ].join('\n'),
    );
  });

  it('fail with 7 when nobody leads', async () => {
    const doug = new Doug();
    doug.cluster.lead(0);
    const ran = await doug.run(['partition', 'transfer-leader', '2', '--timeout', '1s']);
    expect(ran).toMatchObject({ exitCode: 7, stdout: '' });
    expect((await doug.run(['partition', 'list'])).stdout).toMatch(/^ +2 .* - +1,2,3 +-$/m);
  });
});

describe('the command line', () => {
  it('takes endpoints from the flag, then the environment, then the default', async () => {
    const doug = new Doug();
    const env = { DOUG_ENDPOINTS: 'b:2,c:3' };
    await doug.run(['get', 'k', '--endpoint', 'a:1'], { env });
    expect(doug.endpoints).toBe('a:1');
    await doug.run(['get', 'k'], { env });
    expect(doug.endpoints).toBe('b:2,c:3');
    await doug.run(['get', 'k'], { env: { DOUG_ENDPOINTS: '' } });
    expect(doug.endpoints).toBe('127.0.0.1:4400');
    await doug.run(['--timeout', '1.5s', 'get', 'k']);
    expect(doug.timeoutMs).toBe(1500);
  });

  it.each([
    [['get'], "missing required argument 'key'"],
    [['get', 'a', 'b'], 'too many arguments'],
    [['fetch', 'a'], "unknown command 'fetch'"],
    [['get', 'k', '--colour'], "unknown option '--colour'"],
    [['get', 'k', '-o', 'xml'], "--output wants table, json or raw, not 'xml'"],
    [['get', 'k', '--timeout', 'soon'], '--timeout wants a time'],
    [['get', 'k', '--timeout', '0'], "not '0'"],
    [
      ['get', 'k', '--consistency', 'strong'],
      "--consistency wants linearizable, lease, eventual or bounded=MS, not 'strong'",
    ],
    [['scan', '--limit', '-1'], "--limit wants a whole number of at least 0, not '-1'"],
    [['scan', '--limit', 'x'], "not 'x'"],
    [['put', '', 'v'], 'the key is empty'],
    [['import', 'nowhere.ndjson'], 'cannot read nowhere.ndjson'],
    [['member'], 'which command?'],
    [[], 'which command?'],
  ])('%j is a usage error', async (args, message) => {
    const ran = await new Doug().run(args);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(message);
    expect(ran.stdout).toBe('');
  });

  it('tells usage errors as JSON too', async () => {
    const ran = await new Doug().run(['get', '-o', 'json']);
    expect(JSON.parse(ran.stderr)).toEqual({
      code: 'DOUG_USAGE',
      outcome: 'NOT_APPLIED',
      message: "missing required argument 'key'",
    });
  });

  it('prints help and version', async () => {
    const help = await new Doug().run(['--help']);
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    for (const name of ['put', 'get', 'del', 'scan', 'status', 'partition', 'import', 'export']) {
      expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    }
    expect(await new Doug().run(['--version'])).toMatchObject({ exitCode: 0, stdout: '0.1.0\n' });
  });
});

describe('a slow network', () => {
  it('leaves an outcome unknown: 5, and the message says so', async () => {
    const doug = new Doug({ judge: () => 'swallow' });
    const ran = await doug.run(['put', 'k', 'v', '--timeout', '100ms']);
    expect(ran.exitCode).toBe(5);
    expect(ran.stderr).toMatch(/^doug: .*it may have taken effect \[DOUG_IN_DOUBT\]\nhint: .*\n$/);
    const json = await doug.run(['put', 'k', 'v', '--timeout', '100ms', '-o', 'json']);
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
  });

  it('has nobody to serve it: 7', async () => {
    const doug = new Doug();
    doug.cluster.lead(0);
    expect(await doug.run(['get', 'k', '--timeout', '100ms'])).toMatchObject({ exitCode: 7 });
    for (const { nodeId } of doug.cluster.nodes) doug.cluster.kill(nodeId);
    expect(await doug.run(['get', 'k', '--timeout', '100ms'])).toMatchObject({ exitCode: 7 });
  });

  it('is given up with Ctrl-C: 130', async () => {
    const doug = new Doug({ judge: () => 'swallow' });
    const stop = new AbortController();
    const running = doug.run(['put', 'k', 'v', '-o', 'json'], { signal: stop.signal });
    while (doug.cluster.arrived === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    const ran = await running;
    expect(ran.exitCode).toBe(130);
    expect(JSON.parse(ran.stderr)).toEqual({
      code: 'DOUG_ABORTED',
      outcome: 'UNKNOWN',
      message: 'interrupted',
    });
  });
});
