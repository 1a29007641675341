import { z } from 'zod';
import { checkExposure } from './exposure.js';
import * as fields from './fields.js';
import { kebabCase } from './names.js';
import { resolveSettings, type SettingSources } from './resolve-settings.js';
import { settingFlags } from './setting-flags.js';
import { settingsTable } from './settings-table.js';

const schema = z.strictObject({
  listen: fields.listenAddress.default('127.0.0.1:1').describe('where it listens'),
  nodeList: fields.list(fields.peerAddress).default([]).describe('whom it asks'),
  memory: fields.wholeNumber.default(64).describe('MiB'),
  insecure: fields.yesOrNo.default(false).describe('no TLS'),
  name: z.string().optional().describe('what it is called'),
});

const resolve = (sources: Partial<SettingSources>) =>
  resolveSettings(schema, { flags: {}, env: {}, prefixes: ['DOUG_X_', 'DOUG_'], ...sources });

const usage = (text: string) =>
  expect.objectContaining({
    code: 'HOST_USAGE',
    exitCode: 2,
    message: expect.stringContaining(text),
  });

describe('settings', () => {
  it('come from flags, then the environment by its prefixes, then the file, then defaults', () => {
    const env = { DOUG_X_NAME: 'x', DOUG_NAME: 'y', DOUG_NODE_LIST: 'a:1, b:2,', DOUG_MEMORY: '8' };
    const file = { path: 'f.json', values: { name: 'f', memory: 9, insecure: true } };
    expect(resolve({ env, file, flags: { memory: '7' } })).toEqual({
      listen: '127.0.0.1:1',
      nodeList: ['a:1', 'b:2'],
      memory: 7,
      insecure: true,
      name: 'x',
    });
    expect(resolve({ env: { DOUG_X_NAME: '', DOUG_NAME: 'y' } }).name).toBe('y');
  });

  it.each<[string, Partial<SettingSources>, string]>([
    ['flag', { flags: { listen: 'localhost' } }, '--listen: must be HOST:PORT'],
    ['flag that has no such port', { flags: { listen: 'h:70000' } }, '--listen: has no such port'],
    ['flag of a peer', { flags: { nodeList: 'a:0' } }, '--node-list'],
    ['variable', { env: { DOUG_X_MEMORY: 'x' } }, 'DOUG_X_MEMORY'],
    ['key', { file: { path: 'f.json', values: { memory: 'x' } } }, 'f.json: memory'],
    ['unknown key', { file: { path: 'f.json', values: { mem: 1 } } }, "f.json: unknown key 'mem'"],
  ])('name the %s that is wrong', (_what, sources, text) => {
    expect(() => resolve(sources)).toThrow(usage(text));
  });

  it.each<[unknown, number]>([
    ['90', 90],
    [90.5, 90.5],
    ['500ms', 0.5],
    ['30s', 30],
    ['1.5m', 90],
    ['2h', 7200],
    ['7d', 604_800],
    ['0', 0],
  ])('may be seconds or have a unit: %p', (given, seconds) => {
    expect(fields.seconds.parse(given)).toBe(seconds);
  });

  it.each(['', '10 m', '10x', '-1', 'm', -1, null])('are no seconds: %p', (given) => {
    expect(fields.seconds.safeParse(given).success).toBe(false);
  });

  it('are not open to the world by accident', () => {
    const closed = { listen: '127.0.0.1:1', admin: '[::1]:1', insecure: false };
    expect(() => checkExposure(closed)).not.toThrow();
    for (const open of [{ listen: '10.0.0.1:1' }, { admin: '0.0.0.0:1' }]) {
      expect(() => checkExposure({ ...closed, ...open })).toThrow(usage('needs --insecure'));
      expect(() => checkExposure({ ...closed, ...open, insecure: true })).not.toThrow();
    }
  });

  it('become flags and a table', () => {
    expect(settingFlags(schema)).toEqual([
      { flag: '--listen <value>', help: 'where it listens (default: 127.0.0.1:1)' },
      { flag: '--node-list <a,b,...>', help: 'whom it asks' },
      { flag: '--memory <value>', help: 'MiB (default: 64)' },
      { flag: '--insecure', help: 'no TLS' },
      { flag: '--name <value>', help: 'what it is called' },
    ]);
    expect(settingsTable(schema).split('\n')).toContain(
      '| `--node-list` | `nodeList` |  | whom it asks |',
    );
    expect(settingsTable(schema)).toContain('| `--memory` | `memory` | `64` | MiB |');
  });

  it('have names in kebab case', () => {
    expect(kebabCase('replicationFactor')).toBe('replication-factor');
  });
});
