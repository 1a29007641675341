import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '@dougdb/host/node';
import { RawClient } from '@dougdb/host/testing';
import { killLeftovers, memberArgs, removeTempDirs, runNode, tempDir } from './node-process.js';

afterAll(async () => {
  await killLeftovers();
  removeTempDirs();
});

async function refusal(args: readonly string[], env?: Record<string, string>) {
  const node = runNode(args, env);
  const { code } = await node.ended();
  return { code, stderr: node.stderr };
}

describe('exit code 2', () => {
  it.each<[string, string[], string]>([
    ['an unknown flag', ['start', '--frobnicate'], '--frobnicate'],
    ['an unknown command', ['frobnicate'], 'frobnicate'],
    ['a flag without its value', ['start', '--data-dir'], '--data-dir'],
    ['a flag that is not served yet', ['start', '--locality', 'rack=1'], '--locality'],
    [
      'keys to split at that do not ascend',
      memberArgs('unused', '--split-at', 'b,a'),
      '--split-at',
    ],
    ['an empty key to split at', memberArgs('unused', '--split-at', 'a,,b'), '--split-at'],
    ['the same for a dev cluster', ['dev', '--split-at', 'a,a'], '--split-at'],
    ['an open address without --insecure', ['--listen', '0.0.0.0:4400'], '--insecure'],
    ['0.0.0.0 without --advertise', ['--listen', '0.0.0.0:0', '--insecure'], '--advertise'],
    ['its address listed twice', memberArgs('unused', '--join', 'a:1,a:1'), 'a:1'],
    ['a config file that is not there', ['--config', '/nowhere/x.json'], '/nowhere/x.json'],
  ])('for %s, which is named', async (_what, args, named) => {
    const { code, stderr } = await refusal(args);
    expect(stderr).toContain(named);
    expect(code).toBe(2);
  });

  it('for an unknown key of the config file, and for a bad variable', async () => {
    const config = join(tempDir(), 'doug.json');
    writeFileSync(config, '{"lisen":"127.0.0.1:1"}');
    const file = await refusal(['start', '--config', config]);
    expect([file.code, file.stderr]).toEqual([2, expect.stringContaining('lisen')]);
    const env = await refusal(['start'], { DOUG_NODE_MEMORY: 'much' });
    expect([env.code, env.stderr]).toEqual([2, expect.stringContaining('DOUG_NODE_MEMORY')]);
  });

  describe('for a port that is in use', () => {
    let server: Server;
    let port: number;
    beforeAll(async () => {
      server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      ({ port } = server.address() as AddressInfo);
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    it.each(['--listen', '--admin'])(
      '%s, naming it and leaving the directory alone',
      async (flag) => {
        const dataDir = join(tempDir(), 'data');
        const { code, stderr } = await refusal([...memberArgs(dataDir), flag, `127.0.0.1:${port}`]);
        expect(code).toBe(2);
        expect(stderr).toContain(`127.0.0.1:${port}`);
        expect(() => readdirSync(dataDir)).toThrow('ENOENT');
      },
    );

    it('dev', async () => {
      const { code, stderr } = await refusal([
        'dev',
        '--dir',
        join(tempDir(), 'd'),
        '--port-base',
        `${port}`,
      ]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(String(port))]);
    });
  });
});

describe('exit code 3', () => {
  it('for a directory that another process holds, naming it', async () => {
    const dataDir = tempDir();
    const first = runNode(memberArgs(dataDir));
    await first.ready();
    const { code, stderr } = await refusal(memberArgs(dataDir));
    expect(code).toBe(3);
    expect(stderr).toContain(dataDir);
    expect(stderr).toContain(String(first.pid));
    await first.stop();
  });

  it('for a directory that is somebody else’s', async () => {
    const dataDir = tempDir();
    writeFileSync(join(dataDir, 'thesis.txt'), 'x');
    const { code, stderr } = await refusal(memberArgs(dataDir));
    expect([code, stderr]).toEqual([3, expect.stringContaining('thesis.txt')]);
  });

  it('for the directory of another cluster', async () => {
    const foreign = tempDir();
    const maker = runNode(memberArgs(foreign));
    await maker.ready();
    await maker.stop();
    const other = runNode(memberArgs(tempDir()));
    const { grpc } = await other.addresses();
    const [port] = await freePorts(1);
    const args = memberArgs(foreign, '--join', `${grpc},127.0.0.1:${port}`);
    const { code, stderr } = await refusal([...args, '--listen', `127.0.0.1:${port}`]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/belongs to cluster [0-9a-f]{32}, but 127/);
    await other.stop();
  }, 20_000);

  describe('for damage, naming the file', () => {
    let dataDir: string;
    beforeAll(async () => {
      dataDir = tempDir();
      const node = runNode(memberArgs(dataDir));
      const client = new RawClient((await node.addresses()).grpc);
      for (let at = 0; at < 20; at++) await client.put(`key/${at}`, 'x'.repeat(200));
      client.close();
      await node.stop();
    }, 20_000);

    it.each<[string, () => string, (bytes: Buffer) => number[], string]>([
      ['NODE', () => 'NODE', () => [40], 'NODE'],
      ['the manifest', () => find(find('partitions', /^2-/), /^MANIFEST/), () => [60], 'MANIFEST'],
      ['the WAL before its promised tail', () => find('wal', /wal$/), () => [400], '.wal'],
      // lmdb keeps old copies of its pages: the vote for replica 101 is damaged in each of them.
      [
        'a hard state',
        () => 'raft-meta/data.mdb',
        (bytes) => all(bytes, [101, 0, 0, 0, 0, 0]),
        '101',
      ],
    ])('a flipped bit in %s', async (_what, file, offsets, named) => {
      const path = join(dataDir, file());
      const good = readFileSync(path);
      const bad = Buffer.from(good);
      for (const at of offsets(good)) bad[at] = (bad[at] as number) ^ 0x04;
      expect(bad.equals(good)).toBe(false);
      writeFileSync(path, bad);
      const { code, stderr } = await refusal(memberArgs(dataDir));
      writeFileSync(path, good);
      expect(stderr).toContain(named);
      expect(code).toBe(3);
    });

    it.each(['raft-meta', 'wal'])('a missing %s', async (name) => {
      renameSync(join(dataDir, name), join(dataDir, '..', `${name}-aside`));
      const { code, stderr } = await refusal(memberArgs(dataDir));
      rmSync(join(dataDir, name), { recursive: true, force: true });
      renameSync(join(dataDir, '..', `${name}-aside`), join(dataDir, name));
      expect([code, stderr]).toEqual([3, expect.stringContaining(name)]);
    });

    it('other lease reads than the cluster was made with, which are no damage', async () => {
      const { code, stderr } = await refusal(memberArgs(dataDir, '--lease-reads'));
      expect([code, stderr]).toEqual([3, expect.stringContaining('lease reads off')]);
    });

    it('and serves again when it is mended', async () => {
      const node = runNode(memberArgs(dataDir));
      const client = new RawClient((await node.addresses()).grpc);
      expect(await client.get('key/7')).toBe('x'.repeat(200));
      client.close();
      await node.stop();
    });

    function find(dir: string, pattern: RegExp): string {
      const name = readdirSync(join(dataDir, dir)).find((entry) => pattern.test(entry));
      return `${dir}/${name}`;
    }
  });
});

/** Where these bytes stand. */
function all(bytes: Buffer, wanted: readonly number[]): number[] {
  const pattern = Buffer.from(wanted);
  const found: number[] = [];
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1))
    found.push(at);
  return found;
}
