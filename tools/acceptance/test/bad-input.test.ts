import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DougClient } from '@dougdb/client';
import { encodePut, limits, PipeRequest, PipeResponse } from '@dougdb/rpc-proto';
import { channelOptions, dougService } from '@dougdb/rpc-proto/node';
import { Client, credentials } from '@grpc/grpc-js';
import { errorOf, newOpId, ProcessCluster, putRequest, rawCall, rawPut } from '../src/index.js';

const DOUG_NODE = join(__dirname, '../../../apps/node/bin/doug-node.mjs');

jest.setTimeout(60_000);

describe('bad input from the wire has a code of the table, changes nothing, and the member lives', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-bad-input-'));
  let cluster: ProcessCluster;
  let client: DougClient;
  let address: string;
  let revision: number;

  beforeAll(async () => {
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 1);
    address = cluster.endpoints;
    client = await DougClient.connect(address, { timeoutMs: 30_000 });
    revision = (await client.put('good', 'before')).revision;
  });

  afterEach(async () => {
    const next = await client.put('good', 'still');
    expect(next.revision).toBe(revision + 1);
    revision = next.revision;
  });

  afterAll(async () => {
    await client.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each([
    ['an empty key', putRequest('', 'v'), 'INVALID_ARGUMENT'],
    ['a key of 8 KiB + 1', putRequest('k'.repeat(8193), 'v'), 'INVALID_ARGUMENT'],
    ['a value of 1 MiB + 1', putRequest('k', 'v'.repeat((1 << 20) + 1)), 'INVALID_ARGUMENT'],
    ['a message over 4 MiB', putRequest('k', 'v'.repeat(limits.requestBytes)), 'TOO_LARGE'],
    ['garbage', Uint8Array.of(255, 255, 255), 'INVALID_ARGUMENT'],
    ['a truncated message', putRequest('key', 'value').subarray(0, 6), 'INVALID_ARGUMENT'],
    [
      'an unknown field',
      Uint8Array.of(...putRequest('k', 'v'), (15 << 3) | 0, 1),
      'INVALID_ARGUMENT',
    ],
    [
      'another cluster',
      putRequest('k', 'v', {
        context: { clusterId: new Uint8Array(16), partitionId: 0, epochVersion: 0 },
      }),
      'CLUSTER_MISMATCH',
    ],
  ])('%s', async (_what, request, reason) => {
    expect(await errorOf(rawPut(address, request))).toMatchObject({
      reason,
      outcome: 'NOT_APPLIED',
    });
  });

  it('an unknown method', async () => {
    const method = { ...dougService.put, path: '/dougdb.v1.Doug/Nothing' };
    const error = await errorOf(rawCall(address, method, putRequest('k', 'v')));
    expect(error).toMatchObject({ reason: 'UNIMPLEMENTED' });
  });

  it('no time left', async () => {
    const method = dougService.put;
    const error = await errorOf(rawCall(address, method, putRequest('late', 'v'), 0));
    // The library gives up before it sends, or the member before it proposes.
    expect(['DEADLINE', 'IN_DOUBT']).toContain(error?.reason);
    expect(await client.get('late')).toBeNull();
  });

  it('an unknown field in a command of a pipe: that item fails, the others are served', async () => {
    const good = encodePut(null, Buffer.from('good'), Buffer.from('pipe'));
    const odd = Uint8Array.of(...encodePut(null, Buffer.from('odd'), Buffer.from('v')), 0x78, 1);
    const items = [odd, good].map((command) => ({
      timeoutMs: 0,
      partitionId: 0,
      epochVersion: 0,
      resend: false,
      op: { $case: 'command' as const, value: command },
    }));
    const request = { firstId: 1, clusterId: new Uint8Array(0), items, cancelIds: [] };
    const results = await onePipe(address, PipeRequest.encode(request).finish(), items.length);
    const byId = new Map(results.map(({ id, result }) => [id, result]));
    expect(byId.get(1)).toMatchObject({ $case: 'error', value: { code: 1, outcome: 1 } });
    expect(byId.get(2)).toMatchObject({ $case: 'write', value: { revision: revision + 1 } });
    revision++;
    expect(await client.get('odd')).toBeNull();
  });

  it('a seq below firstIncomplete: SESSION_EXPIRED, unknown, not applied again', async () => {
    const opId = newOpId(1, 1);
    await rawPut(address, putRequest('s', 'one', { opId }));
    await rawPut(
      address,
      putRequest('s', 'two', { opId: { ...opId, seq: 2, firstIncomplete: 2 } }),
    );
    revision += 2;
    const error = await errorOf(rawPut(address, putRequest('s', 'one', { opId })));
    expect(error).toMatchObject({ reason: 'SESSION_EXPIRED', outcome: 'UNKNOWN' });
    expect((await client.get('s'))?.value).toBe('two');
  });
});

/** Sends one PipeRequest and answers so many results. */
function onePipe(address: string, request: Uint8Array, count: number) {
  const grpc = new Client(address, credentials.createInsecure(), channelOptions);
  const { path, requestSerialize, responseDeserialize } = dougService.pipe;
  const call = grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  return new Promise<PipeResponse['results']>((resolve, reject) => {
    const results: PipeResponse['results'] = [];
    call.on('error', reject);
    call.on('data', (response: Uint8Array) => {
      results.push(...PipeResponse.decode(response).results);
      if (results.length < count) return;
      call.end();
      resolve(results);
    });
    call.write(request);
  }).finally(() => grpc.close());
}
