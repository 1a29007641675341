import { lincheck } from './lincheck.js';

const put = (process: string, key: string, value: string, invoke: number): string =>
  JSON.stringify({ process, op: 'put', key, value, invoke, return: invoke + 1, status: 'ok' });
const get = (process: string, key: string, value: string | null, invoke: number): string =>
  JSON.stringify({ process, op: 'get', key, value, invoke, return: invoke + 1, status: 'ok' });

const files: Readonly<Record<string, string>> = {
  'good.jsonl': `${put('a', 'k', '1', 1)}\n${get('b', 'k', '1', 3)}\n`,
  'bad.jsonl': `# lost\n${put('a', 'k', '1', 1)}\n${get('b', 'k', null, 3)}\n`,
  'empty.jsonl': '',
  'torn.jsonl': `${put('a', 'k', '1', 1)}\n{"process":"a","op":"pu`,
  'two-at-once.jsonl': `${put('a', 'k', '1', 1)}\n${get('a', 'k', '1', 1)}\n`,
  'hard.jsonl': [
    ...Array.from({ length: 9 }, (_, i) =>
      JSON.stringify({
        process: i,
        op: 'append',
        key: 'h',
        value: `${i}.`,
        invoke: 1,
        return: 9,
        status: 'ok',
      }),
    ),
    get('r', 'h', '8.7.6.5.4.3.2.1.0.', 10),
  ].join('\n'),
  'many.jsonl': Array.from({ length: 8 }, (_, i) => get('r', `key ${i}`, 'x', i * 2)).join('\n'),
};

function run(...args: string[]) {
  const said = { out: '', err: '' };
  let nowMs = 100;
  const exitCode = lincheck(args, {
    readFile: (path) => {
      if (path === 'latin1.jsonl') return Buffer.from(`${files['good.jsonl']}"\xe9"`, 'latin1');
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
      return new TextEncoder().encode(text);
    },
    stdout: (text) => {
      said.out += text;
    },
    stderr: (text) => {
      said.err += text;
    },
    nowMs: () => {
      nowMs += 12;
      return nowMs;
    },
  });
  return { exitCode, ...said };
}

describe('lincheck', () => {
  it('exits 0 for a linearizable history, with one line', () => {
    expect(run('good.jsonl')).toEqual({
      exitCode: 0,
      out: 'good.jsonl\tlinearizable\t2 operations\t1 key\t12 ms\n',
      err: '',
    });
  });

  it('takes a history without operations for linearizable', () => {
    expect(run('empty.jsonl')).toMatchObject({
      exitCode: 0,
      out: 'empty.jsonl\tlinearizable\t0 operations\t0 keys\t12 ms\n',
    });
  });

  it('exits 1 for one that is not, and explains it on standard error', () => {
    const { exitCode, out, err } = run('bad.jsonl');
    expect(exitCode).toBe(1);
    expect(out).toBe('bad.jsonl\tnot-linearizable\t2 operations\t1 key\t12 ms\n');
    expect(err).toContain('bad.jsonl: not linearizable in 1 key\n');
    expect(err).toContain('key "k": no order explains line 3');
    expect(err).toContain('it needs the key to be absent');
  });

  it('explains five keys and names the others', () => {
    const { err } = run('many.jsonl');
    expect(err).toContain('not linearizable in 8 keys');
    expect(err.match(/no order explains/g)).toHaveLength(5);
    expect(err).toContain('also: "key 5" "key 6" "key 7"\n');
  });

  it.each([
    ['torn.jsonl', /^torn.jsonl\tmalformed\tline 2: not JSON: /],
    ['two-at-once.jsonl', /\tmalformed\tline 2: process "a" overlaps with its own/],
    ['latin1.jsonl', /^latin1.jsonl\tmalformed\tline 3: not UTF-8\n$/],
    ['absent.jsonl', /^absent.jsonl\tmalformed\tcannot be read: ENOENT/],
  ])('exits 2 for %s', (file, line) => {
    const { exitCode, out } = run(file);
    expect(exitCode).toBe(2);
    expect(out).toMatch(line);
  });

  it('exits 3 when the bound on work is met', () => {
    expect(run('--max-work', '3', 'hard.jsonl')).toMatchObject({
      exitCode: 3,
      out: 'hard.jsonl\tundecided\t10 operations\t1 key\t12 ms\n',
      err: 'hard.jsonl: undecided with a bound of 3 on the work: "h"\n',
    });
    expect(run('hard.jsonl').exitCode).toBe(0);
  });

  it.each([
    [['good.jsonl', 'empty.jsonl'], 0],
    [['good.jsonl', 'bad.jsonl'], 1],
    [['bad.jsonl', 'torn.jsonl', 'good.jsonl'], 2],
    [['--max-work', '3', 'hard.jsonl', 'good.jsonl'], 3],
    [['--max-work', '3', 'hard.jsonl', 'bad.jsonl'], 1],
    [['--max-work', '3', 'hard.jsonl', 'absent.jsonl'], 2],
  ])('judges several files, each in a line: %j exits %p', (args, exitCode) => {
    const result = run(...args);
    expect(result.exitCode).toBe(exitCode);
    const names = args.filter((arg) => arg.endsWith('.jsonl'));
    expect(result.out.split('\n').map((line) => line.split('\t')[0])).toEqual([...names, '']);
  });

  it.each([
    [[], "missing required argument 'files'"],
    [['--no-such-option', 'good.jsonl'], "unknown option '--no-such-option'"],
    [['--max-work', '0', 'good.jsonl'], 'it must be an integer of at least 1'],
    [['--max-work', 'x', 'good.jsonl'], 'it must be an integer of at least 1'],
  ])('exits 2 for the command line %j', (args, message) => {
    const { exitCode, out, err } = run(...args);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain(message);
  });

  it('helps, and exits 0', () => {
    const { exitCode, out } = run('--help');
    expect(exitCode).toBe(0);
    expect(out).toContain('Usage: lincheck [options] <files...>');
    expect(out).toContain('Exit codes: 0 all are linearizable, 1 some are not');
  });

  it('does not take an error of its own for a malformed file', () => {
    const broken = () =>
      lincheck(['good.jsonl'], {
        readFile: () => new TextEncoder().encode(files['good.jsonl']),
        stdout: () => {
          throw new Error('EPIPE');
        },
        stderr: () => undefined,
        nowMs: () => 0,
      });
    expect(broken).toThrow('EPIPE');
  });
});
