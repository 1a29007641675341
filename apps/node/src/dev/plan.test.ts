import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planMembers } from './plan.js';

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'doug-plan-')), 'dev');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

const refused = (text: string) => ({ exitCode: 2, message: expect.stringContaining(text) });

describe('plan of a dev cluster', () => {
  it('takes free ports and remembers them', async () => {
    const members = await planMembers({ dir, nodes: 3, portBase: 0 });
    expect(members.map((m) => m.name)).toEqual(['n1', 'n2', 'n3']);
    expect(new Set(members.flatMap((m) => [m.port, m.adminPort])).size).toBe(6);
    expect(await planMembers({ dir, nodes: null, portBase: null })).toEqual(members);
    expect(await planMembers({ dir, nodes: 3, portBase: 0 })).toEqual(members);
  });

  it('is refused when a port is taken, naming it, and then remembers nothing', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(planMembers({ dir, nodes: 1, portBase: port })).rejects.toMatchObject(
      refused(String(port)),
    );
    expect(existsSync(dir)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });

  it('is refused when it contradicts the directory', async () => {
    await planMembers({ dir, nodes: 3, portBase: 0 });
    await expect(planMembers({ dir, nodes: 5, portBase: 0 })).rejects.toMatchObject(
      refused('cluster of 3'),
    );
    await expect(planMembers({ dir, nodes: 3, portBase: 1 })).rejects.toMatchObject(
      refused('ports from'),
    );
  });

  it.each([
    [{ nodes: 0, portBase: 0 }, '--nodes 0'],
    [{ nodes: 99, portBase: 0 }, '--nodes 99'],
    [{ nodes: 5, portBase: 65_530 }, 'too high'],
  ])('is refused for what cannot be: %p', async (request, text) => {
    await expect(planMembers({ dir, ...request })).rejects.toMatchObject(refused(text));
  });

  it('is refused when what it remembered is damaged', async () => {
    await planMembers({ dir, nodes: 1, portBase: 0 });
    for (const content of ['{', '{}', '{"members":[]}', '{"members":[{"port":0,"adminPort":1}]}']) {
      writeFileSync(join(dir, 'dev.json'), content);
      await expect(planMembers({ dir, nodes: null, portBase: null })).rejects.toMatchObject(
        refused('damaged'),
      );
    }
  });
});
