import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DougClient } from '@dougdb/client';
import { BUF, DOUG_FACADE, DOUG_NODE, ProcessCluster } from '../src/index.js';

const run = promisify(execFile);

/** Bytes as protobuf's JSON has them. */
const base64 = (text: string): string => Buffer.from(text).toString('base64');

jest.setTimeout(120_000);

/** `buf curl` knows nothing of this project but what servers tell by reflection. */
describe('a gRPC client that is none of ours', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-foreign-'));
  let cluster: ProcessCluster;
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 3);
    const facade = await cluster.startFacade(DOUG_FACADE);
    const client = await DougClient.connect(facade.address, { timeoutMs: 60_000 });
    await client.put('warm', 'up');
    addresses.set('node', (await cluster.leader(client)).address);
    addresses.set('facade', facade.address);
    await client.close();
  });

  afterAll(async () => {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(['node', 'facade'])('puts, gets and scans through a %s', async (kind) => {
    const key = `foreign/${kind}`;
    const put = await curl(kind, 'Put', { key: base64(key), value: base64('found') });
    expect(Number(put[0]?.revision)).toBeGreaterThan(1);
    const [got] = await curl(kind, 'Get', { key: base64(key) });
    expect(got).toMatchObject({ kv: { key: base64(key), value: base64('found') } });
    const chunks = await curl(kind, 'Scan', { start: base64(key), end: base64(`${key}~`) });
    expect(chunks.flatMap(({ kvs = [] }) => kvs)).toMatchObject([{ value: base64('found') }]);
  });

  it.each(['node', 'facade'])(
    'is told of an error by a %s in a way that it understands',
    async (kind) => {
      const refused = await curl(kind, 'Put', { key: '' }).catch(
        (error: { stderr: string }) => error,
      );
      const { code, details } = JSON.parse((refused as { stderr: string }).stderr) as {
        code: string;
        details: readonly { readonly type: string }[];
      };
      expect(code).toBe('invalid_argument');
      expect(details.map(({ type }) => type)).toContain('google.rpc.ErrorInfo');
    },
  );

  interface Answer {
    readonly revision?: string;
    readonly kvs?: readonly object[];
  }

  /** All messages of the answer. @throws what the tool has printed on stderr */
  async function curl(kind: string, method: string, request: object): Promise<Answer[]> {
    const url = `http://${addresses.get(kind)}/dougdb.v1.Doug/${method}`;
    const { stdout } = await run(BUF, [
      ...['curl', '--protocol', 'grpc', '--http2-prior-knowledge'],
      ...['-d', JSON.stringify(request), url],
    ]);
    return JSON.parse(`[${stdout.trim().replace(/\}\s*\{/g, '},{')}]`) as Answer[];
  }
});
