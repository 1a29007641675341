import { join } from 'node:path';
import { RawClient } from '@dougdb/host/testing';
import { startNode } from '../src/index.js';
import { removeTempDirs, tempDir } from './node-process.js';

afterAll(removeTempDirs);

describe('startNode', () => {
  it('runs a member inside another program', async () => {
    const dataDir = join(tempDir(), 'data');
    const node = await startNode({
      dataDir,
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      memory: 32,
    });
    await node.whenReady();
    expect(node.notReadyReason()).toBeNull();
    const client = new RawClient(node.grpcAddress);
    await client.put('a', '1');
    expect(await client.get('a')).toBe('1');
    client.close();
    await Promise.all([node.stop(), node.stop()]);
    expect(node.notReadyReason()).toBe('draining');
  }, 20_000);

  it('refuses what the command refuses', async () => {
    await expect(startNode({ listen: '10.0.0.1:1' })).rejects.toMatchObject({ exitCode: 2 });
    await expect(
      startNode({ dataDir: '/dev/null/doug', listen: '127.0.0.1:0', admin: '127.0.0.1:0' }),
    ).rejects.toMatchObject({ exitCode: 3 });
  });
});
