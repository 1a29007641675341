import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevPlan, type DevRequest, planCluster } from './plan.js';

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'doug-plan-')), 'dev');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

const plan = (request: Partial<DevRequest> = {}): Promise<DevPlan> =>
  planCluster({ dir, nodes: null, portBase: null, splitAt: null, leaseReads: null, ...request });
const refused = (text: string) => ({ exitCode: 2, message: expect.stringContaining(text) });

describe('plan of a dev cluster', () => {
  it('takes free ports and remembers them', async () => {
    const first = await plan({ nodes: 3, portBase: 0 });
    const { members } = first;
    expect(members.map((m) => m.name)).toEqual(['n1', 'n2', 'n3']);
    const all = [first.facade, ...members];
    expect(new Set(all.flatMap((one) => [one.port, one.adminPort])).size).toBe(8);
    expect(await plan()).toEqual(first);
    expect(await plan({ nodes: 3, portBase: 0 })).toEqual(first);
  });

  it('places members from the base on, and the facade 100 below', async () => {
    // Below the ports that the system gives to whoever asks for any: others may take one of those at any moment.
    const port = 20_200 + (process.pid % 50) * 200;
    const { members, facade } = await plan({ nodes: 2, portBase: port });
    expect(members.map((m) => [m.port, m.adminPort])).toEqual([
      [port, port + 80],
      [port + 1, port + 81],
    ]);
    expect([facade.name, facade.port, facade.adminPort]).toEqual(['f1', port - 100, port - 20]);
  });

  it('gives a facade to a cluster that had none', async () => {
    const { members } = await plan({ nodes: 1, portBase: 0 });
    writeFileSync(join(dir, 'dev.json'), JSON.stringify({ members }));
    const { facade } = await plan();
    expect(facade.port).toBeGreaterThan(0);
    expect((await plan()).facade).toEqual(facade);
  });

  it('is refused when the port of the facade is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(plan({ nodes: 1, portBase: port + 100 })).rejects.toMatchObject(
      refused(`port ${port} `),
    );
    await new Promise((resolve) => server.close(resolve));
  });

  it('is refused when a port is taken, naming it, and then remembers nothing', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(plan({ nodes: 1, portBase: port })).rejects.toMatchObject(refused(String(port)));
    expect(existsSync(dir)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });

  it('is refused when it contradicts the directory', async () => {
    await plan({ nodes: 3, portBase: 0 });
    await expect(plan({ nodes: 5, portBase: 0 })).rejects.toMatchObject(refused('cluster of 3'));
    await expect(plan({ nodes: 3, portBase: 1 })).rejects.toMatchObject(refused('ports from'));
  });

  it('remembers the keys at which the cluster was split, and refuses others', async () => {
    const splitAt = ['g', 'p q'];
    expect((await plan({ nodes: 1, portBase: 0, splitAt })).splitAt).toEqual(splitAt);
    expect((await plan()).splitAt).toEqual(splitAt);
    expect((await plan({ splitAt })).splitAt).toEqual(splitAt);
    await expect(plan({ splitAt: ['g'] })).rejects.toMatchObject(refused('was split at g,p q'));
  });

  it('remembers whether its leaders have leases', async () => {
    const [first, second] = [join(dir, 'with'), join(dir, 'without')];
    const one = { nodes: 1, portBase: 0 };
    expect((await plan({ ...one, dir: first, leaseReads: true })).leaseReads).toBe(true);
    expect((await plan({ dir: first })).leaseReads).toBe(true);
    expect((await plan({ ...one, dir: second })).leaseReads).toBe(false);
    await expect(plan({ dir: second, leaseReads: true })).rejects.toMatchObject(
      refused('was made without them'),
    );
  });

  it.each([
    [{ nodes: 0, portBase: 0 }, '--nodes 0'],
    [{ nodes: 99, portBase: 0 }, '--nodes 99'],
    [{ nodes: 5, portBase: 65_530 }, 'too high'],
    [{ nodes: 5, portBase: 90 }, 'too low'],
  ])('is refused for what cannot be: %p', async (request, text) => {
    await expect(plan(request)).rejects.toMatchObject(refused(text));
  });

  it('is refused when what it remembered is damaged', async () => {
    await plan({ nodes: 1, portBase: 0 });
    for (const content of [
      '{',
      '{}',
      '{"members":[]}',
      '{"members":[{"port":0,"adminPort":1}]}',
      '{"members":[{"port":1,"adminPort":1}],"splitAt":3}',
    ]) {
      writeFileSync(join(dir, 'dev.json'), content);
      await expect(plan()).rejects.toMatchObject(refused('damaged'));
    }
  });
});
