import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from './resolve.js';
import { memoryPlan } from './schema.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'doug-config-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(content: unknown): string {
  const path = join(dir, 'config.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const usage = (text: string) =>
  expect.objectContaining({
    code: 'HOST_USAGE',
    exitCode: 2,
    message: expect.stringContaining(text),
  });

describe('configuration', () => {
  it('has defaults for everything', () => {
    expect(resolveConfig({}, {}, undefined)).toEqual({
      name: 'n1',
      dataDir: './doug-data',
      listen: '127.0.0.1:4400',
      join: [],
      splitAt: [],
      leaseReads: false,
      replicationFactor: 5,
      history: 600,
      admin: '127.0.0.1:4480',
      locality: [],
      memory: 256,
      tableThreads: 2,
      logLevel: 'info',
      insecure: false,
    });
  });

  it('takes the length of the history in seconds or with a unit', () => {
    expect(resolveConfig({ history: '2h' }, {}, undefined).history).toBe(7200);
    expect(resolveConfig({}, { DOUG_NODE_HISTORY: '0' }, undefined).history).toBe(0);
    for (const bad of ['367d', '-1s', 'long']) {
      expect(() => resolveConfig({ history: bad }, {}, undefined)).toThrow(usage('--history'));
    }
  });

  it('takes flags before DOUG_NODE_*, that before DOUG_*, that before the file', () => {
    const env = {
      DOUG_NODE_NAME: 'from-node-env',
      DOUG_NAME: 'from-env',
      DOUG_DATA_DIR: '/env',
      DOUG_MEMORY: '64',
      DOUG_JOIN: 'a:1, b:2,',
      PATH: '/bin',
    };
    const path = file({
      name: 'file',
      dataDir: '/file',
      memory: 512,
      listen: '127.0.0.1:1',
      admin: '127.0.0.1:2',
    });
    const config = resolveConfig({ listen: '127.0.0.1:9' }, env, path);
    expect(config).toMatchObject({
      name: 'from-node-env',
      dataDir: '/env',
      memory: 64,
      listen: '127.0.0.1:9',
      admin: '127.0.0.1:2',
      join: ['a:1', 'b:2'],
    });
  });

  it('takes an empty variable for none, and lists of the file as arrays', () => {
    const path = file({ join: ['a:1', 'b:2'], insecure: true });
    expect(resolveConfig({}, { DOUG_NAME: '' }, path)).toMatchObject({
      name: 'n1',
      join: ['a:1', 'b:2'],
      insecure: true,
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an address without a port', { listen: 'localhost' }, '--listen: must be HOST:PORT'],
    ['a port that does not exist', { admin: '127.0.0.1:70000' }, '--admin: has no such port'],
    ['port 0 in --join', { join: 'a:0' }, '--join'],
    ['an even factor', { replicationFactor: '4' }, '--replication-factor: must be odd'],
    ['too little memory', { memory: '1' }, '--memory: must be 32'],
    ['memory that is no number', { memory: 'much' }, '--memory'],
    ['an unknown level', { logLevel: 'loud' }, '--log-level'],
    ['an empty key to split at', { splitAt: 'a,,b' }, '--split-at: a key is empty'],
    ['a locality', { locality: 'rack=1' }, '--locality: locality is not served yet'],
    ['an open address', { listen: '10.0.0.1:4400' }, 'needs --insecure'],
    ['an open admin address', { admin: '0.0.0.0:4480' }, 'needs --insecure'],
    ['an address nobody reaches', { listen: '0.0.0.0:1', insecure: true }, 'needs --advertise'],
    ['the same in IPv6', { listen: '[::]:1', insecure: true }, 'needs --advertise'],
  ])('refuses %s, naming the flag', (_what, flags, text) => {
    expect(() => resolveConfig(flags, {}, undefined)).toThrow(usage(text));
  });

  it('names the variable or the key that is wrong', () => {
    expect(() => resolveConfig({}, { DOUG_NODE_MEMORY: 'x' }, undefined)).toThrow(
      usage('DOUG_NODE_MEMORY'),
    );
    const path = file({ memory: 'x' });
    expect(() => resolveConfig({}, {}, path)).toThrow(usage(`${path}: memory`));
  });

  it.each<[string, unknown, string]>([
    ['an unknown key', { dataDri: 1 }, "unknown key 'dataDri'"],
    ['no JSON', '{', '--config'],
    ['a list', [], 'one JSON object'],
  ])('refuses a file with %s', (_what, content, text) => {
    expect(() => resolveConfig({}, {}, file(content))).toThrow(usage(text));
  });

  it('refuses a file that is not there', () => {
    expect(() => resolveConfig({}, {}, join(dir, 'none.json'))).toThrow(usage('none.json'));
  });

  it('takes keys to split at as they are, blanks and all', () => {
    expect(resolveConfig({ splitAt: 'a, b,ü' }, {}, undefined).splitAt).toEqual(['a', ' b', 'ü']);
    const path = file({ splitAt: ['a,b', 'c'] });
    expect(resolveConfig({}, {}, path).splitAt).toEqual(['a,b', 'c']);
  });

  it('writes tables in threads unless told otherwise', () => {
    const threads = (tableThreads: string) =>
      resolveConfig({ tableThreads }, {}, undefined).tableThreads;
    expect([threads('0'), threads('1')]).toEqual([0, 1]);
    expect(() => threads('3')).toThrow(usage('0 to 2'));
  });

  it('serves other addresses with --insecure', () => {
    const flags = { listen: '0.0.0.0:1', advertise: 'host:1', insecure: true };
    expect(resolveConfig(flags, {}, undefined).advertise).toBe('host:1');
  });

  it('divides memory', () => {
    expect(memoryPlan(256)).toEqual({
      memtableBytes: 16 << 20,
      memtableBudgetBytes: 64 << 20,
      blockCacheBytes: 96 << 20,
      walSegmentBytes: 64 << 20,
    });
    expect(memoryPlan(96).walSegmentBytes).toBe(16 << 20);
  });
});
