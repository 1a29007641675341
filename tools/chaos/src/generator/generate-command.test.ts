import { checkHistory } from '../checker/check-history.js';
import { parseHistory } from '../history/parse-history.js';
import { generateCommand } from './generate-command.js';

function run(...args: string[]) {
  const said = { out: '', err: '' };
  const files = new Map<string, string>();
  const exitCode = generateCommand(args, {
    stdout: (text) => {
      said.out += text;
    },
    stderr: (text) => {
      said.err += text;
    },
    writeFile: (path, text) => {
      if (path.startsWith('/no/')) throw new Error('ENOENT');
      files.set(path, text);
    },
  });
  return { exitCode, ...said, text: files.get('h.jsonl') ?? '' };
}

const small = ['--out', 'h.jsonl', '--operations', '300', '--keys', '3'];

describe('lincheck:generate', () => {
  it('writes a history, the same for the same seed', () => {
    const first = run(...small, '--seed', 'x');
    expect(first).toMatchObject({
      exitCode: 0,
      out: 'h.jsonl: 300 operations from seed x\n',
      err: '',
    });
    expect(checkHistory(parseHistory(first.text)).verdict).toBe('linearizable');
    expect(run(...small, '--seed', 'x').text).toBe(first.text);
    expect(run(...small, '--seed', 'y').text).not.toBe(first.text);
  });

  it('plants a violation and says where', () => {
    const { exitCode, out, text } = run(...small, '--mutate', 'phantom-read');
    expect(exitCode).toBe(0);
    const [key] = checkHistory(parseHistory(text)).notLinearizable;
    expect(out).toContain(`phantom-read planted in key ${JSON.stringify(key)}`);
  });

  it('takes its shares', () => {
    const { text } = run(...small, '--unknown', '1', '--appends', '0');
    expect(text.match(/"status":"unknown"/g)).toHaveLength(300);
    expect(text).not.toContain('"append"');
  });

  it.each([
    [['--operations', '5'], "required option '--out <file>' not specified"],
    [[...small, '--mutate', 'nothing'], 'Allowed choices are phantom-read'],
    [[...small, '--keys', '0'], 'it must be an integer of at least 1'],
    [[...small, '--unknown', '1.1'], 'it must be from 0 to 1'],
    [[...small, '--unknown', ''], 'it must be from 0 to 1'],
    [[...small, '--unknown', '1', '--mutate', 'stale-read'], 'has no place for stale-read'],
    [['--out', '/no/where', '--operations', '5'], '/no/where cannot be written: ENOENT'],
  ])('exits 2 for %j', (args, message) => {
    expect(run(...args)).toMatchObject({
      exitCode: 2,
      out: '',
      err: expect.stringContaining(message),
    });
  });

  it('helps, and exits 0', () => {
    expect(run('--help')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('Usage: lincheck:generate [options]'),
    });
  });
});
