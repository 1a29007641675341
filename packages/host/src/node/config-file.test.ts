import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfigFile } from './config-file.js';

describe('config file', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'doug-config-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('holds one object', () => {
    const path = join(dir, 'good.json');
    writeFileSync(path, '{"memory": 9}');
    expect(readConfigFile(path)).toEqual({ path, values: { memory: 9 } });
  });

  it.each([
    ['no JSON', '{', '--config'],
    ['a list', '[]', 'one JSON object'],
    ['nothing', 'null', 'one JSON object'],
  ])('is refused with %s', (_what, content, text) => {
    const path = join(dir, 'bad.json');
    writeFileSync(path, content);
    expect(() => readConfigFile(path)).toThrow(text);
  });

  it('is refused when it is not there', () => {
    expect(() => readConfigFile(join(dir, 'none.json'))).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining('none.json') }),
    );
  });
});
