import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { killLeftovers, removeTempDirs, tempDir } from '@dougdb/host/testing';
import { facadeArgs, startFacade } from './support/cluster.js';

jest.setTimeout(30_000);

afterAll(async () => {
  await killLeftovers();
  removeTempDirs();
});

async function refusal(args: readonly string[], env?: Record<string, string>) {
  const facade = startFacade(args, env);
  const { code } = await facade.ended();
  return { code, stderr: facade.stderr };
}

describe('exit code 2', () => {
  it.each<[string, string[], string]>([
    ['no node', [], '--nodes'],
    ['an unknown flag', ['--frobnicate'], '--frobnicate'],
    ['an argument', ['start', '--nodes', 'a:1'], 'argument'],
    ['a flag without its value', ['--nodes'], '--nodes'],
    ['a node that is no address', ['--nodes', 'a'], '--nodes'],
    [
      'an open address without --insecure',
      facadeArgs(['a:1'], '--listen', '0.0.0.0:0'),
      '--insecure',
    ],
    ['an open admin address', facadeArgs(['a:1'], '--admin', '0.0.0.0:0'), '--admin'],
    ['a config file that is not there', ['--config', '/nowhere/x.json'], '/nowhere/x.json'],
  ])('for %s, which is named', async (_what, args, named) => {
    const { code, stderr } = await refusal(args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(named)]);
  });

  it('for an unknown key of the config file, and for a bad variable', async () => {
    const config = join(tempDir(), 'doug.json');
    writeFileSync(config, '{"node":"a:1"}');
    const file = await refusal(['--config', config]);
    expect([file.code, file.stderr]).toEqual([2, expect.stringContaining("'node'")]);
    const env = await refusal(facadeArgs(['a:1']), { DOUG_FACADE_LOG_LEVEL: 'much' });
    expect([env.code, env.stderr]).toEqual([2, expect.stringContaining('DOUG_FACADE_LOG_LEVEL')]);
  });

  it.each(['--listen', '--admin'])('for a port that is in use, naming it: %s', async (flag) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr } = await refusal(facadeArgs(['a:1'], flag, address));
    expect([code, stderr]).toEqual([2, expect.stringContaining(address)]);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('settings', () => {
  it('come from flags, then DOUG_FACADE_*, then DOUG_*, then the file', async () => {
    const config = join(tempDir(), 'doug.json');
    writeFileSync(
      config,
      JSON.stringify({
        nodes: ['127.0.0.1:1'],
        listen: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        name: 'file',
      }),
    );
    const facade = startFacade(['--config', config], { DOUG_FACADE_NAME: 'entry', DOUG_NAME: 'x' });
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (!facade.stderr.includes('facade.listening')) return;
        clearInterval(look);
        resolve();
      }, 20);
    });
    expect(facade.stderr).toContain('"name":"entry"');
    expect(await facade.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
