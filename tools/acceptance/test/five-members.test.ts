import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DougClient, type NodeStatus } from '@dougdb/client';
import {
  Consistency,
  DougError,
  GetRequest,
  GetResponse,
  type PutResponse,
} from '@dougdb/rpc-proto';
import { dougService } from '@dougdb/rpc-proto/node';
import {
  DOUG,
  DOUG_NODE,
  FIRST_DATA_PARTITION,
  newOpId,
  PLACES,
  ProcessCluster,
  type ProcessMember,
  putRequest,
  rawCall,
  rawPut,
  runToEnd,
  until,
  writePlaces,
} from '../src/index.js';

/** What a call to a process meets that has only been started. */
const NOT_UP: ReadonlySet<string> = new Set(['DOUG_STARTING', 'DOUG_NO_LEADER', 'DOUG_IN_DOUBT']);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

jest.setTimeout(180_000);

/** One cluster, one story: each test goes on from where the one before left it. */
describe('five members on real disks', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-acceptance-'));
  let cluster: ProcessCluster;
  let client: DougClient;
  let input: string[];

  beforeAll(async () => {
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 5);
    client = await DougClient.connect(cluster.endpoints, { timeoutMs: 30_000 });
    input = await writePlaces(join(dir, 'cities.ndjson'));
  });

  afterAll(async () => {
    await client.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('take 171,075 places while their leader is killed three times, and lose none', async () => {
    expect(input).toHaveLength(PLACES);
    const file = join(dir, 'cities.ndjson');
    let ended = false;
    const importing = runToEnd([
      ...[DOUG, '--endpoint', cluster.endpoints, '--timeout', '60000', 'import', file],
    ]).finally(() => {
      ended = true;
    });
    for (let kill = 1; kill <= 3; kill++) {
      await until('the import goes on', async () => (await revision()) > (kill * PLACES) / 5);
      const leader = await cluster.leader(client);
      expect(ended).toBe(false);
      await cluster.end(leader, 'SIGKILL');
      await sleep(300);
      cluster.restart(leader);
    }
    const result = await importing;
    console.log(result.stdout);
    expect(result).toMatchObject({ code: 0 });
    await expectAllPlaces();
  });

  it('have everything after all five were killed at once', async () => {
    await Promise.all(cluster.members.map((member) => cluster.end(member, 'SIGKILL')));
    const began = performance.now();
    for (const member of cluster.members) cluster.restart(member);
    const { key, value } = JSON.parse(input[0] as string) as { key: string; value: string };
    const hit = await client.get(key);
    console.log(
      `first linearizable read ${Math.round(performance.now() - began)} ms after the start`,
    );
    expect(hit?.value).toBe(value);
    await expectAllPlaces();
  });

  it('apply one op id once: sent again, after a leader change, after a restart of all', async () => {
    const request = putRequest('once', 'first', { opId: newOpId(1, 1) });
    const first = await putAtLeader(request);
    expect((await putAtLeader(request)).revision).toBe(first.revision);
    const leader = await cluster.leader(client);
    await cluster.end(leader, 'SIGKILL');
    expect((await putAtLeader(request)).revision).toBe(first.revision);
    cluster.restart(leader);
    await Promise.all(cluster.members.map((member) => cluster.end(member, 'SIGKILL')));
    for (const member of cluster.members) cluster.restart(member);
    expect((await putAtLeader(request)).revision).toBe(first.revision);
    expect(await client.get('once')).toMatchObject({ value: 'first', revision: first.revision });
  });

  it('answer an eventual read where the peers are stopped, and refuse a linearizable one in time', async () => {
    await client.put('near', 'by');
    const leader = await cluster.leader(client);
    const follower = cluster.members.find((member) => member !== leader) as ProcessMember;
    // It was started a moment ago, and may still be applying its log.
    await until('the follower serves', () => serves(follower));
    await until('the follower has it', async () => {
      const { kv } = await eventualGet(follower, 'near');
      return kv !== undefined && decoder.decode(kv.value) === 'by';
    });
    const alone = await DougClient.connect(follower.address, { timeoutMs: 10_000 });
    const others = cluster.members.filter((member) => member !== follower);
    for (const member of others) cluster.signal(member, 'SIGSTOP');
    try {
      await sleep(500);
      const { kv, header } = await eventualGet(follower, 'near');
      console.log(`eventual read: revision ${kv?.revision}, age ${header?.ageMs} ms`);
      expect(decoder.decode(kv?.value)).toBe('by');
      expect(kv?.revision).toBeGreaterThan(PLACES);
      expect(header?.ageMs).toBeGreaterThanOrEqual(400);
      const began = performance.now();
      const refused = await alone.get('near', { timeoutMs: 1500 }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
      expect(performance.now() - began).toBeLessThan(2500);
    } finally {
      for (const member of others) cluster.signal(member, 'SIGCONT');
    }
    await alone.close();
    expect((await client.get('near'))?.value).toBe('by');
  });

  it('never show a wrong value when a table of one of them rots: that replica leaves service', async () => {
    const leader = await cluster.leader(client);
    const victim = cluster.members.find((member) => member !== leader) as ProcessMember;
    await cluster.end(victim, 'SIGTERM');
    const file = flipBitInTable(victim.dataDir);
    cluster.restart(victim);
    const wanted = new Map(
      input.map((line) => {
        const { key, value } = JSON.parse(line) as { key: string; value: string };
        return [key, value] as const;
      }),
    );
    await until('the member serves', () => serves(victim));
    let corrupt = 0;
    for (const [n, key] of [...wanted.keys()].entries()) {
      if (n % 10 !== 0) continue;
      try {
        const { kv } = await eventualGet(victim, key);
        expect(decoder.decode(kv?.value)).toBe(wanted.get(key));
      } catch (error) {
        if (!DougError.is(error)) throw error;
        expect(error.code).toBe('DOUG_CORRUPT');
        if (++corrupt > 3) break;
      }
    }
    expect(corrupt).toBeGreaterThan(0);
    const status = await client.admin.status(victim.address);
    expect(dataReplica(status)?.state).toBe('corrupt');
    expect(cluster.log(victim)).toContain(file.slice(file.lastIndexOf('/') + 1));
    const [key, value] = [...wanted][0] as [string, string];
    expect((await client.get(key))?.value).toBe(value);
    await expectAllPlaces();
  });

  async function expectAllPlaces(): Promise<void> {
    const { code, stdout } = await runToEnd([DOUG, '--endpoint', cluster.endpoints, 'export']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    const places = lines.filter((line) => !/^\{"key":"(once|near)"/.test(line)).sort();
    expect(places.length).toBe(PLACES);
    expect(places.join('\n') === input.join('\n')).toBe(true);
  }

  async function revision(): Promise<number> {
    const leader = await cluster.leader(client);
    const status = await client.admin.status(leader.address);
    return dataReplica(status)?.revision ?? 0;
  }

  /** Sent to whoever leads until somebody answers. */
  async function putAtLeader(request: Uint8Array): Promise<PutResponse> {
    const end = performance.now() + 30_000;
    for (;;) {
      const leader = await cluster.leader(client);
      try {
        return await rawPut(leader.address, request);
      } catch (error) {
        if (performance.now() > end) throw error;
        await sleep(50);
      }
    }
  }
});

function dataReplica(status: NodeStatus) {
  return status.replicas.find((replica) => replica.partitionId === FIRST_DATA_PARTITION);
}

async function eventualGet(member: ProcessMember, key: string): Promise<GetResponse> {
  const request = GetRequest.encode({
    context: undefined,
    key: encoder.encode(key),
    consistency: Consistency.CONSISTENCY_EVENTUAL,
    revision: 0,
    maxAgeMs: 0,
  }).finish();
  return GetResponse.decode(await rawCall(member.address, dougService.get, request));
}

/** False while the member is starting. A refusal for damage that it has found is an answer. */
async function serves(member: ProcessMember): Promise<boolean> {
  try {
    await eventualGet(member, 'near');
    return true;
  } catch (error) {
    if (!DougError.is(error)) throw error;
    return !NOT_UP.has(error.code);
  }
}

/** Flips one bit in the first data block of the largest table. Answers the file. */
function flipBitInTable(dataDir: string): string {
  const partitions = join(dataDir, 'partitions');
  const partition = readdirSync(partitions).find((name) =>
    name.startsWith(`${FIRST_DATA_PARTITION}-`),
  );
  const home = join(partitions, partition as string);
  const tables = readdirSync(home)
    .filter((name) => name.endsWith('.sst'))
    .map((name) => join(home, name))
    .sort((a, b) => readFileSync(b).length - readFileSync(a).length);
  const file = tables[0] as string;
  const bytes = readFileSync(file);
  const byte = Buffer.from([(bytes[2000] as number) ^ 0x10]);
  const fd = openSync(file, 'r+');
  writeSync(fd, byte, 0, 1, 2000);
  closeSync(fd);
  return file;
}
