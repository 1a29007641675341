import { run, Service } from './command.js';

jest.setTimeout(120_000);

const cwd = process.cwd();
const node = (program: string): readonly [string, readonly string[], { cwd: string }] => [
  process.execPath,
  ['-e', program],
  { cwd },
];

it('gives back what a command said', async () => {
  const result = await run(...node("console.log('out'); console.error('err')"));
  expect(result).toEqual({ code: 0, signal: null, stdout: 'out\n', stderr: 'err\n' });
});

it('fails with everything that was said when the exit code is not 0', async () => {
  const work = run(...node("console.log('out'); console.error('err'); process.exit(3)"));
  await expect(work).rejects.toThrow(/exit code 3\nout\nerr\n$/);
});

it('fails when there is no such command', async () => {
  await expect(run('doug-no-such-command', [], { cwd })).rejects.toThrow('ENOENT');
});

it('kills what is not done in time', async () => {
  const service = new Service(...node("console.log('hanging'); setInterval(() => 0, 1000)"));
  await service.says(/hanging/, 60_000);
  await expect(service.ended(1)).rejects.toThrow(/not done after 1 ms\nhanging/);
  expect((await service.ended(60_000)).signal).toBe('SIGKILL');
});

it('kills what a command started with it', async () => {
  const inner = "console.log('inner'); setInterval(() => 0, 1000)";
  const outer = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' })`;
  const service = new Service(...node(outer));
  await service.says(/inner/, 60_000);
  service.kill();
  // The end is told when nobody holds its stdout any more: the inner process has ended too.
  expect((await service.ended(60_000)).signal).toBe('SIGKILL');
});

it('says what a command said when it ends before it says what is waited for', async () => {
  const service = new Service(...node("console.log('other'); process.exit(4)"));
  await expect(service.says(/ready/, 60_000)).rejects.toThrow(/ended early \(4\)\nother/);
});
