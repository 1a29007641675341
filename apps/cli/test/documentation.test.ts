import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeDb } from './fake-db.js';
import { MiniShell } from './mini-shell.js';
import { Doug, runWith } from './run-doug.js';

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
const files = {
  'ada.json': '{"name":"Ada"}\n',
  'claim.json': /```json\n(.*?)```/s.exec(readme)?.[1] ?? '',
  'transfer.json': '{"then":[{"put":"a","value":"1"}]}',
  'users.ndjson': '{"key":"user/1","value":"Ada"}\n{"key":"user/2","value":"Eve"}\n',
};

/** Numbers that differ from run to run. */
function steady(text: string): string {
  return text.replace(/in [\d.]+ s \([\d,]+\/s\), longest gap [\d,]+ ms/g, 'in S s, gap G ms');
}

describe('README.md', () => {
  const blocks = [...readme.matchAll(/```console\n(.*?)```/gs)].map((match) => match[1] ?? '');

  it('shows what each command prints', async () => {
    const doug = new Doug({ splitAt: ['m'] });
    doug.cluster.lead(2, 'z');
    const other = new Doug({ nodes: 1 });
    const shell = new MiniShell((args, options) => {
      const isOther = args.some((arg) => arg.includes('other:4400'));
      return (isOther ? other : doug).run(args, options);
    }, files);
    for (const block of blocks) {
      let told = '';
      for (const line of block.split('\n').filter((one) => one.startsWith('$ '))) {
        told += `${line}\n${await shell.run(line.slice(2))}`;
      }
      expect(steady(told)).toBe(steady(block));
    }
    expect(blocks).toHaveLength(7);
  });

  it('shows every command', () => {
    for (const command of [
      ...['put', 'get', 'del', 'txn', 'scan', 'watch', 'import', 'export', 'compact', 'status'],
      'member list',
      ...['partition list', 'partition transfer-leader'],
    ]) {
      expect(blocks.some((block) => block.includes(`$ doug ${command}`))).toBe(true);
      expect(readme).toContain(`\n| \`${command}`);
    }
  });
});

describe('--help', () => {
  const commands = [
    ...[[], ['put'], ['get'], ['del'], ['txn'], ['scan'], ['watch'], ['import'], ['export']],
    ...[['compact'], ['status']],
    ...[['member'], ['member', 'list'], ['partition'], ['partition', 'list']],
    ['partition', 'transfer-leader'],
  ];

  it.each(commands.map((path) => [path.join(' '), path] as const))(
    'of doug %s has examples that run',
    async (_, path) => {
      const db = new FakeDb();
      const connect = () => Promise.resolve(db);
      const { stdout } = await runWith(connect, [...path, '--help']);
      const examples = [...stdout.matchAll(/^ {2}\$ (.*)$/gm)].map((match) => match[1] ?? '');
      expect(examples.length).toBeGreaterThan(0);
      const shell = new MiniShell((args, options) => runWith(connect, args, options), files);
      await shell.run('doug put user/1 Ada');
      for (const example of examples) {
        await shell.run(example);
        expect([example, shell.exitCode]).toEqual([example, 0]);
      }
    },
  );
});
