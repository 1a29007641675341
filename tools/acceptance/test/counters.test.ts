import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DougClient, DougError } from '@dougdb/client';
import { SimRandom } from '@dougdb/ports/sim';
import {
  type ClientGap,
  checkHistory,
  FileSink,
  HistoryRecorder,
  KeyRotation,
  parseHistory,
  recordingClient,
  runCounterWorkload,
} from '@dougdb/tool-chaos';
import { DOUG_NODE, ProcessCluster, type ProcessMember, until } from '../src/index.js';

/** How often the leader is killed; `npm run test:full` takes the twenty that are promised. */
const KILLS = Number(process.env.DOUG_COUNTER_KILLS ?? 3);
const SEED = Number(process.env.DOUG_CHAOS_SEED ?? Date.now() % 1_000_000);
const CLIENTS = 32;
const PLAIN_KEYS = ['plain/1', 'plain/2', 'plain/3', 'plain/4'];
/** A call with all its retries: longer than any election on a crowded machine. */
const TIMEOUT_MS = 60_000;

jest.setTimeout(120_000 + KILLS * 60_000);

/** Counts are exact or something was lost or done twice. */
describe('five members whose leader is killed again and again', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-counters-'));
  let cluster: ProcessCluster;
  let watcher: DougClient;
  const clients: DougClient[] = [];

  beforeAll(async () => {
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 5);
    watcher = await DougClient.connect(cluster.endpoints, { timeoutMs: TIMEOUT_MS });
    for (let n = 0; n < CLIENTS; n++) {
      clients.push(await DougClient.connect(cluster.endpoints, { timeoutMs: TIMEOUT_MS }));
    }
  });

  afterAll(async () => {
    for (const client of [...clients, watcher]) await client.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('thirty-two clients count exactly, by compare-and-set and by increments, and their history is linearizable', async () => {
    console.log(`DOUG_CHAOS_SEED=${SEED} DOUG_COUNTER_KILLS=${KILLS}`);
    const file = join(dir, 'history.jsonl');
    const recorder = new HistoryRecorder({
      nowNs: process.hrtime.bigint,
      sink: new FileSink(file),
    });
    let isOver = false;
    const nemesis = killLeaders(cluster, watcher).finally(() => {
      isOver = true;
    });
    const result = await runCounterWorkload({
      clients: clients.map((client, n) => ({
        recorded: recordingClient(client, recorder, { name: `c${n}` }),
        increment: (key) => client.increment(key),
      })),
      keys: new KeyRotation({ slots: 8, prefix: 'cas' }),
      plainKeys: PLAIN_KEYS,
      random: new SimRandom(SEED),
      nowMs: () => performance.now(),
      goesOn: () => !isOver,
      pause: () => sleep(10),
    });
    const kills = await nemesis;
    recorder.close();

    const counts = [...result.counted];
    const stored = new Map<string, number>();
    for (const [key] of counts) stored.set(key, Number((await watcher.get(key))?.value));
    const increments = counts.reduce((sum, [, count]) => sum + count, 0);
    const gaps = kills.map((atMs) => longestGap(result.gaps, atMs)).sort((a, b) => a - b);
    const report = checkHistory(parseHistory(readFileSync(file, 'utf8')));
    console.log(
      `${increments} acknowledged increments of ${counts.length} counters, ${result.conflicts} conflicts, ${result.refused} refused, ${result.unknown} unknown; ` +
        `longest time of a client without a success at each of ${kills.length} kills, in ms: ${gaps.map(Math.round).join(' ')}; ${report.verdict}`,
    );
    expect(result.unknown).toBe(0);
    expect(stored).toEqual(result.counted);
    expect(report.verdict).toBe('linearizable');
    expect(kills).toHaveLength(KILLS);
    expect(increments).toBeGreaterThan(KILLS * CLIENTS);
    for (const key of PLAIN_KEYS) expect(stored.get(key)).toBeGreaterThan(0);
  });
});

/** Kills whoever leads, each time when all five were up. @returns when, in ms */
async function killLeaders(cluster: ProcessCluster, watcher: DougClient): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < KILLS; n++) {
    await sleep(1_000);
    const leader = await cluster.leader(watcher);
    times.push(performance.now());
    await cluster.end(leader, 'SIGKILL');
    await cluster.leader(
      watcher,
      undefined,
      cluster.members.filter((member) => member !== leader),
    );
    // Work goes on with four of them.
    await sleep(500);
    cluster.restart(leader);
    await until(`${leader.name} answers`, () => answers(watcher, leader));
  }
  return times;
}

/** Of all clients, the longest time without a success that a kill lies in or begins. */
function longestGap(gaps: readonly ClientGap[], atMs: number): number {
  return gaps
    .filter(({ fromMs, toMs }) => fromMs <= atMs + 200 && toMs >= atMs)
    .reduce((longest, { fromMs, toMs }) => Math.max(longest, toMs - fromMs), 0);
}

async function answers(watcher: DougClient, member: ProcessMember): Promise<boolean> {
  try {
    await watcher.admin.status(member.address, { timeoutMs: 500 });
    return true;
  } catch (error) {
    if (!DougError.is(error)) throw error;
    return false;
  }
}
