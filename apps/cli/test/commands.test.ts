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
    const { stdout } = await doug.run(['scan', '--prefix', 'user/3'], { isTty: true, columns: 40 });
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

describe('doug status, doug member list', () => {
  it('print tables', async () => {
    const doug = new Doug();
    doug.cluster.lead(2);
    doug.cluster.kill(3);
    await doug.run(['put', 'k', 'v']);
    expect((await doug.run(['status', '--timeout', '1s'])).stdout).toBe(
      [
        'NODE  ADDRESS  PARTITION  ROLE      STATE           TERM  COMMIT  APPLIED  REVISION',
        '   1  n1:4400          2  follower  serving            1       1        1         1',
        '   2  n2:4400          2  leader    serving            1       1        1         1',
        '   -  n3:4400          -  -         DOUG_NO_LEADER     -       -        -         -',
        '',
      ].join('\n'),
    );
    expect((await doug.run(['member', 'list'])).stdout).toBe(
      [
        'NODE  ADDRESS  UUID',
        `   1  n1:4400  ${'01'.repeat(16)}`,
        `   2  n2:4400  ${'02'.repeat(16)}`,
        `   3  n3:4400  ${'03'.repeat(16)}`,
        '',
      ].join('\n'),
    );
  });

  it('print JSON', async () => {
    const doug = new Doug({ nodes: 1 });
    const status = (await doug.run(['status', '-o', 'json'])).stdout;
    expect(JSON.parse(status)).toEqual({
      address: 'n1:4400',
      node_id: 1,
      uuid: '01'.repeat(16),
      cluster_id: '07'.repeat(16),
      version: '0.0.0-fake',
      uptime_ms: 1000,
      replicas: [
        {
          partition_id: 2,
          replica_id: 201,
          role: 'leader',
          state: 'serving',
          leader_node_id: 1,
          term: 1,
          commit_index: 0,
          applied_index: 0,
          first_index: 1,
          last_index: 0,
          revision: 0,
          sessions: 0,
        },
      ],
    });
    expect((await doug.run(['member', 'list', '-o', 'json'])).stdout).toBe(
      `{"node_id":1,"address":"n1:4400","uuid":"${'01'.repeat(16)}"}\n`,
    );
  });

  it('print lines for scripts', async () => {
    const doug = new Doug({ nodes: 2 });
    doug.cluster.kill(2);
    expect((await doug.run(['status', '-o', 'raw'])).stdout).toBe(
      'n1:4400 OK\nn2:4400 DOUG_NO_LEADER\n',
    );
    expect((await doug.run(['member', 'list', '-o', 'raw'])).stdout).toBe('n1:4400\nn2:4400\n');
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
    [['get', 'k', '-o', 'xml'], "unknown output format 'xml'"],
    [['get', 'k', '--timeout', 'soon'], "'soon' is no time"],
    [['get', 'k', '--timeout', '0'], "'0' is no time"],
    [['get', 'k', '--consistency', 'strong'], "unknown consistency 'strong'"],
    [['scan', '--limit', '-1'], "'-1' is no whole number"],
    [['scan', '--limit', 'x'], "'x' is no whole number"],
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
    for (const name of ['put', 'get', 'del', 'scan', 'status', 'member', 'import', 'export']) {
      expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    }
    expect(await new Doug().run(['--version'])).toMatchObject({ exitCode: 0, stdout: '0.1.0\n' });
  });
});

describe('exit codes', () => {
  it('follow the table', async () => {
    const cases = [
      ['INVALID_ARGUMENT', 2],
      ['TOO_LARGE', 2],
      ['INTERNAL', 1],
      ['CLUSTER_MISMATCH', 1],
      ['UNAUTHENTICATED', 6],
      ['PERMISSION_DENIED', 6],
      ['DEADLINE', 7],
    ] as const;
    for (const [refuse, exitCode] of cases) {
      const doug = new Doug({ judge: () => ({ refuse }) });
      const ran = await doug.run(['put', 'k', 'v', '-o', 'json']);
      expect([refuse, ran.exitCode]).toEqual([refuse, exitCode]);
      expect(JSON.parse(ran.stderr)).toMatchObject({ code: `DOUG_${refuse}` });
    }
  });

  it('are 5 when the outcome is unknown, and the message says so', async () => {
    const doug = new Doug({ judge: () => 'swallow' });
    const ran = await doug.run(['put', 'k', 'v', '--timeout', '100ms']);
    expect(ran.exitCode).toBe(5);
    expect(ran.stderr).toMatch(/it may have taken effect\) \[DOUG_IN_DOUBT\]\n$/);
    const json = await doug.run(['put', 'k', 'v', '--timeout', '100ms', '-o', 'json']);
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
  });

  it('are 7 when there is nobody to serve it', async () => {
    const doug = new Doug();
    doug.cluster.lead(0);
    expect(await doug.run(['get', 'k', '--timeout', '100ms'])).toMatchObject({ exitCode: 7 });
    for (const { nodeId } of doug.cluster.nodes) doug.cluster.kill(nodeId);
    expect(await doug.run(['get', 'k', '--timeout', '100ms'])).toMatchObject({ exitCode: 7 });
  });

  it('are 130 after Ctrl-C', async () => {
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
