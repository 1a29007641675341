import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DougClient, DougError } from '@dougdb/client';
import { SimRandom } from '@dougdb/ports/sim';
import {
  checkHistory,
  FileSink,
  HistoryRecorder,
  KeyRotation,
  parseHistory,
  recordingClient,
  runProcessNemesis,
  runRegisterWorkload,
  type Victim,
} from '@dougdb/tool-chaos';
import { DOUG_FACADE, DOUG_NODE, ProcessCluster, type ProcessMember, until } from '../src/index.js';

/** How long the clients work; `npm run test:full` takes the minute that is promised. */
const SECONDS = Number(process.env.DOUG_CHAOS_SECONDS ?? 20);
const SEED = Number(process.env.DOUG_CHAOS_SEED ?? Date.now() % 1_000_000);
const CLIENTS = 12;
const WANTED_SUCCESSES = (2_000 * SECONDS) / 60;
const WANTED_FAULTS = SECONDS / 3;
const SLOTS = 8;

jest.setTimeout(300_000 + SECONDS * 6_000);

/** Members that are killed and stopped at random, two of five at a time, under clients of three kinds. */
describe('four partitions under kill -9 and SIGSTOP', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-linearizable-'));
  let cluster: ProcessCluster;
  const clients: DougClient[] = [];
  let watcher: DougClient;

  beforeAll(async () => {
    // Key names are k0.0, k1.0 and so on: two slots to a partition.
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 5, { splitAt: ['k2', 'k4', 'k6'] });
    const facades = [
      await cluster.startFacade(DOUG_FACADE),
      await cluster.startFacade(DOUG_FACADE),
    ];
    const forged = await cluster.startFacade(DOUG_FACADE, { DOUG_TEST_FORGED_MAP: `${SEED}` });
    watcher = await DougClient.connect(cluster.endpoints, { timeoutMs: 60_000 });
    const ways = [
      cluster.endpoints,
      facades.map(({ address }) => address).join(','),
      forged.address,
    ];
    for (let n = 0; n < CLIENTS; n++) {
      const endpoints = ways[n % ways.length] as string;
      clients.push(await DougClient.connect(endpoints, { timeoutMs: 30_000 }));
    }
  });

  afterAll(async () => {
    for (const client of [...clients, watcher]) await client.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('the history of twelve clients, straight, through facades and through one with a forged map, is linearizable', async () => {
    console.log(`DOUG_CHAOS_SEED=${SEED} DOUG_CHAOS_SECONDS=${SECONDS}`);
    const file = join(dir, 'history.jsonl');
    const recorder = new HistoryRecorder({
      nowNs: process.hrtime.bigint,
      sink: new FileSink(file),
    });
    const random = new SimRandom(SEED);
    const faults = { begun: 0 };
    // A slow machine takes longer for as much; one on which nothing goes on comes to the end all the same.
    const began = performance.now();
    const goesOn = () => {
      const elapsedMs = performance.now() - began;
      if (elapsedMs < SECONDS * 1000) return true;
      const isEnough = recorder.counts.ok >= WANTED_SUCCESSES && faults.begun >= WANTED_FAULTS;
      return !isEnough && elapsedMs < SECONDS * 5_000;
    };
    const nemesis = runProcessNemesis({
      victims: cluster.members.map((member) => victim(cluster, watcher, member, faults)),
      atOnce: 2,
      random: random.fork('nemesis'),
      sleep: (ms) => sleep(ms),
      goesOn,
      pauseMs: 3_000,
      lastsMs: 1_500,
    });
    const result = await runRegisterWorkload(
      {
        clients: clients.map((client, n) => recordingClient(client, recorder, { name: `c${n}` })),
        keys: new KeyRotation({ slots: SLOTS }),
        random: random.fork('workload'),
        timeoutMs: 2_000,
        goesOn,
        pause: () => sleep(5),
      },
      () => performance.now(),
    );
    const { kills, stops } = await nemesis;
    recorder.close();
    const history = parseHistory(readFileSync(file, 'utf8'));
    const checkBegan = performance.now();
    const report = checkHistory(history);
    console.log(
      `${JSON.stringify(result)}, ${recorder.counts.ok} operations ok, ${kills} kills, ${stops} stops: ${report.verdict} in ${Math.round(performance.now() - checkBegan)} ms`,
    );
    expect(report.verdict).toBe('linearizable');
    // A quiet run proves nothing: things were broken, and work went on between.
    expect(kills + stops).toBeGreaterThanOrEqual(WANTED_FAULTS);
    expect(kills).toBeGreaterThan(0);
    expect(stops).toBeGreaterThan(0);
    // Nothing was left out: each call that was begun is in the history.
    const { ok, fail, unknown } = recorder.counts;
    expect(ok).toBeGreaterThanOrEqual(WANTED_SUCCESSES);
    expect(history.operations.length).toBe(ok + fail + unknown);
    // And when all is well again, so is everybody.
    for (const client of clients) {
      for (const key of ['k1', 'k3', 'k5', 'k7']) {
        await client.put(key, 'healed', { timeoutMs: 60_000 });
      }
    }
  });
});

function victim(
  cluster: ProcessCluster,
  watcher: DougClient,
  member: ProcessMember,
  faults: { begun: number },
): Victim {
  return {
    name: member.name,
    kill: async () => {
      faults.begun++;
      await cluster.end(member, 'SIGKILL');
    },
    restart: async () => {
      cluster.restart(member);
      await until(`${member.name} answers`, () => answers(watcher, member));
    },
    stop: () => {
      faults.begun++;
      cluster.signal(member, 'SIGSTOP');
    },
    resume: () => cluster.signal(member, 'SIGCONT'),
  };
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
