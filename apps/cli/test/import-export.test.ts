import fc from 'fast-check';
import { Doug } from './run-doug.js';

const line = (key: string, value: string) => `${JSON.stringify({ key, value })}\n`;

/** Numbers that differ from run to run. */
function steady(text: string): string {
  return text
    .replace(/in [\d.]+ s \([\d,]+\/s\)/, 'in S s (R/s)')
    .replace(/longest gap [\d,]+ ms/, 'longest gap G ms');
}

async function valuesIn(doug: Doug): Promise<string[]> {
  return (await doug.run(['export'])).stdout.trimEnd().split('\n');
}

describe('doug import', () => {
  it('puts every line and says so', async () => {
    const doug = new Doug({ splitAt: ['key 5'] });
    const lines = Array.from({ length: 3000 }, (_, i) => line(`key ${i}`, `value ${i}`));
    const ran = await doug.run(['import', 'a.ndjson'], { files: { 'a.ndjson': lines.join('') } });
    expect(ran.stderr).toBe('');
    expect(ran.exitCode).toBe(0);
    expect(steady(ran.stdout)).toBe(
      'imported 3,000 keys in S s (R/s), longest gap G ms, 0 retries\n',
    );
    expect(doug.cluster.applied).toHaveLength(3000);
    expect(await valuesIn(doug)).toEqual([...lines].map((one) => one.trimEnd()).sort());
  });

  it('sums up as JSON', async () => {
    const ran = await new Doug().run(['import', '-', '-o', 'json'], { stdin: line('k', 'v') });
    expect(JSON.parse(ran.stdout)).toEqual({
      imported: 1,
      failed: 0,
      seconds: expect.any(Number),
      rate: expect.any(Number),
      longest_gap_ms: expect.any(Number),
      retries: 0,
    });
    expect(ran.stderr).toBe('');
  });

  it('takes bytes as base64, what scan prints, Windows line ends, blank lines and no last newline', async () => {
    const doug = new Doug();
    const stdin = [
      '{"key_base64":"/w==","value_base64":""}\r\n',
      '\n',
      '{"key":"k","value":"v","revision":7}\r\n',
      '{"key":"m","value_base64":"AAEC"}',
    ].join('');
    expect(await doug.run(['import', '-'], { stdin })).toMatchObject({ exitCode: 0 });
    expect(await valuesIn(doug)).toEqual([
      '{"key":"k","value":"v"}',
      '{"key":"m","value":"\\u0000\\u0001\\u0002"}',
      '{"key_base64":"/w==","value":""}',
    ]);
  });

  it('keeps the order of lines with one key', async () => {
    const doug = new Doug();
    const stdin = Array.from({ length: 2000 }, (_, i) => line(`k${i % 3}`, `${i}`)).join('');
    await doug.run(['import', '-'], { stdin });
    expect(await valuesIn(doug)).toEqual([
      '{"key":"k0","value":"1998"}',
      '{"key":"k1","value":"1999"}',
      '{"key":"k2","value":"1997"}',
    ]);
  });

  it.each([
    ['{"key":"b"', 'not JSON'],
    ['["b","v"]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{"key":"b"}', 'exactly one of "value" and "value_base64" is wanted'],
    ['{"key":"b","value":"v","value_base64":""}', 'exactly one of "value"'],
    ['{"key":"b","value":7}', '"value" is not a string'],
    ['{"key":"b","value":"v","ttl":1}', 'unknown field "ttl"'],
    ['{"key":"","value":"v"}', 'the key is empty'],
    ['{"key":"b","value_base64":"A"}', '"value_base64" is not base64'],
    ['{"key":"\\ud800","value":"v"}', '"key" has a lone surrogate'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'not UTF-8'],
  ])('stops at the bad line %s', async (bad, message) => {
    const doug = new Doug();
    const stdin = Buffer.concat([
      Buffer.from(line('a', '1')),
      Buffer.from(line('b', '2')),
      Buffer.from(bad),
      Buffer.from('\n'),
      Buffer.from(line('later', '4')),
    ]);
    const ran = await doug.run(['import', '-'], { stdin });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`doug: line 3: ${message}`);
    expect(ran.stdout).toMatch(/^imported 2 keys/);
    expect(await valuesIn(doug)).toEqual(['{"key":"a","value":"1"}', '{"key":"b","value":"2"}']);
  });

  it('stops at a key that is too long', async () => {
    const ran = await new Doug().run(['import', '-'], { stdin: line('k'.repeat(8193), 'v') });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toBe('doug: line 1: a key of 8193 bytes is over the limit of 8192\n');
  });

  it('refuses a line that does not end', async () => {
    const ran = await new Doug().run(['import', '-'], { stdin: Buffer.alloc(9 << 20, 'x') });
    expect(ran).toMatchObject({ exitCode: 2 });
    expect(ran.stderr).toContain('line 1 is longer than');
  });

  it('reads no further than it can send', async () => {
    const doug = new Doug({ judge: () => 'swallow' });
    const stop = new AbortController();
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.from(line(`k${read++}`, 'v'));
    }
    const running = doug.run(['import', '-'], { stdin: endless(), signal: stop.signal });
    while (doug.cluster.arrived < 512) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    const ran = await running;
    expect(ran.exitCode).toBe(130);
    expect(ran.stdout).toMatch(/^imported 0 keys/);
    expect(read).toBeLessThan(520);
  });

  it('tells each line that failed with its outcome, and counts exactly', async () => {
    const doug = new Doug({ judge: ({ key }) => (key === 'k7' ? 'swallow' : 'serve') });
    const stdin = Array.from({ length: 20 }, (_, i) => line(`k${i}`, 'v')).join('');
    const ran = await doug.run(['import', '-', '--timeout', '200ms'], { stdin });
    expect(ran.exitCode).toBe(5);
    expect(ran.stderr).toMatch(
      /^doug: line 8: no answer.*it may have taken effect \[DOUG_IN_DOUBT\]\nhint: import the file again.*\n$/,
    );
    expect(ran.stdout).toMatch(/^imported 19 keys/);
    const json = await doug.run(['import', '-', '--timeout', '200ms', '-o', 'json'], { stdin });
    expect(JSON.parse(json.stdout)).toMatchObject({ imported: 19, failed: 1 });
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
  });

  it('stops when lines fail, and tells at most ten of them', async () => {
    const doug = new Doug({ judge: () => ({ refuse: 'PERMISSION_DENIED' }) });
    const stdin = Array.from({ length: 5000 }, (_, i) => line(`k${i}`, 'v')).join('');
    const ran = await doug.run(['import', '-'], { stdin });
    expect(ran.exitCode).toBe(6);
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(12);
    expect(doug.cluster.arrived).toBeLessThan(1100);
  });

  it('survives a change of leaders in the middle', async () => {
    const doug = new Doug();
    doug.cluster.judge = ({ ordinal }) => {
      if (ordinal === 700) doug.cluster.lead(2);
      if (ordinal === 1500) return 'serve-and-break';
      return 'serve';
    };
    const stdin = Array.from({ length: 2000 }, (_, i) => line(`k${i}`, 'v')).join('');
    const ran = await doug.run(['import', '-', '-o', 'json'], { stdin });
    expect(ran.exitCode).toBe(0);
    const summary = JSON.parse(ran.stdout);
    expect(summary.imported).toBe(2000);
    expect(summary.retries).toBeGreaterThan(0);
    expect(doug.cluster.applied).toHaveLength(2000);
  });
});

describe('doug export', () => {
  it('prints what import reads, in key order', async () => {
    const doug = new Doug({ splitAt: ['m'] });
    const stdin = [line('z', '1'), line('a', '"quoted"'), line('é/ö', '2'), line('m', '\u2028')];
    await doug.run(['import', '-'], { stdin: stdin.join('') });
    const { stdout } = await doug.run(['export']);
    expect(stdout).toBe([stdin[1], stdin[3], stdin[0], stdin[2]].join(''));
    const copy = new Doug();
    await copy.run(['import', '-'], { stdin: stdout });
    expect((await copy.run(['export'])).stdout).toBe(stdout);
    expect((await doug.run(['export', '--prefix', 'é'])).stdout).toBe(stdin[2]);
  });

  it('gives back what import took, whatever it is', async () => {
    const entries = fc.uniqueArray(
      fc.record({
        key: fc.uint8Array({ minLength: 1, maxLength: 12 }),
        value: fc.uint8Array({ maxLength: 20 }),
      }),
      { selector: ({ key }) => Buffer.from(key).toString('hex'), maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(entries, async (all) => {
        const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
        const stdin = all.map(
          ({ key, value }) =>
            `${JSON.stringify({ key_base64: base64(key), value_base64: base64(value) })}\n`,
        );
        const doug = new Doug();
        await doug.run(['import', '-'], { stdin: stdin.join('') });
        const exported = (await doug.run(['export'])).stdout;
        const bytes = (fields: Record<string, string>, name: string): Buffer =>
          fields[name] === undefined
            ? Buffer.from(fields[`${name}_base64`]!, 'base64')
            : Buffer.from(fields[name]);
        const found = exported
          .split('\n')
          .filter((one) => one !== '')
          .map((one) => JSON.parse(one) as Record<string, string>)
          .map((fields) => [bytes(fields, 'key'), bytes(fields, 'value')]);
        const expected = all
          .map(({ key, value }) => [Buffer.from(key), Buffer.from(value)] as const)
          .sort(([a], [b]) => Buffer.compare(a, b));
        expect(found).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});
