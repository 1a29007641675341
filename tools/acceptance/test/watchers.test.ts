import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DougClient } from '@dougdb/client';
import {
  DOUG_NODE,
  openRawWatch,
  ProcessCluster,
  type ProcessMember,
  until,
} from '../src/index.js';

/** How long writes run; `npm run test:full` takes longer. */
const SECONDS = Number(process.env.DOUG_WATCH_SECONDS ?? 8);
/** Offered writes a second, as far as the machine goes. */
const WRITES_PER_SECOND = 5_000;
/** Writes without an answer; beyond it a slow machine writes less. */
const MOST_OPEN = 2_000;
const SLICES = 1_000;
const WHOLE = 20;
const WATCHING_CLIENTS = 4;
const TIMEOUT_MS = 60_000;
/** What a member may grow by for all of these watches, its ring of changes included. */
const MOST_GROWTH_BYTES = 192 * 1024 * 1024;

jest.setTimeout(240_000 + SECONDS * 10_000);

interface Seen {
  readonly revisions: number[];
  readonly keys: string[];
}

describe('a partition that is watched by a thousand', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-watchers-'));
  let cluster: ProcessCluster;
  let writer: DougClient;
  const clients: DougClient[] = [];

  beforeAll(async () => {
    cluster = await ProcessCluster.start(DOUG_NODE, dir, 5);
    writer = await DougClient.connect(cluster.endpoints, { timeoutMs: TIMEOUT_MS });
    await writer.put('ready', 'yes');
    for (let n = 0; n < WATCHING_CLIENTS; n++) {
      clients.push(await DougClient.connect(cluster.endpoints, { timeoutMs: TIMEOUT_MS }));
    }
  });

  afterAll(async () => {
    for (const client of [...clients, writer]) await client.close();
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('tells each of them every change of its range once and in order, over a killed leader', async () => {
    const watched: Promise<void>[] = [];
    const watches: { close(): Promise<void> }[] = [];
    const slices: Seen[] = [];
    const wholes: Seen[] = [];
    const opened: Promise<unknown>[] = [];
    for (let n = 0; n < SLICES + WHOLE; n++) {
      const client = clients[n % clients.length] as DougClient;
      const isWhole = n >= SLICES;
      const range = isWhole ? { prefix: 'w/' } : { prefix: `w/${slice(n)}/` };
      const watch = client.watch(range);
      const seen: Seen = { revisions: [], keys: [] };
      (isWhole ? wholes : slices).push(seen);
      opened.push(watch.ready);
      watches.push(watch);
      watched.push(follow(watch, seen));
    }
    await Promise.all(opened);
    const before = memoryOf(cluster);

    // One that takes nothing, from a member that is not killed: it must not hold up the others.
    const leader = await cluster.leader(writer);
    const stalledAt = cluster.members.find((member) => member !== leader) as ProcessMember;
    const stalled = await openRawWatch(stalledAt.address, 'w/', 64 * 1024);

    const written: { key: string; revision: number }[] = [];
    const killedAt = SECONDS / 2;
    const nemesis = sleep(killedAt * 1000).then(async () => {
      await cluster.end(leader, 'SIGKILL');
      await sleep(1_000);
      cluster.restart(leader);
    });
    const began = performance.now();
    const open = new Set<Promise<void>>();
    for (let due = began; due - began < SECONDS * 1000; due += 20) {
      await sleep(Math.max(0, due - performance.now()));
      for (let n = 0; n < WRITES_PER_SECOND / 50; n++) {
        const key = `w/${slice(Math.floor(Math.random() * SLICES))}/${Math.floor(Math.random() * 50)}`;
        const write = writer.put(key, 'x'.repeat(64)).then(({ revision }) => {
          written.push({ key, revision });
          open.delete(write);
        });
        open.add(write);
      }
      while (open.size > MOST_OPEN) await Promise.race(open);
    }
    await Promise.all(open);
    const seconds = (performance.now() - began) / 1000;
    await nemesis;
    written.sort((a, b) => a.revision - b.revision);
    const wantedWhole = written.map(({ revision }) => revision);
    const bySlice = new Map<string, number[]>();
    for (const { key, revision } of written) {
      const name = key.slice(2, 5);
      bySlice.set(name, [...(bySlice.get(name) ?? []), revision]);
    }
    await until('everybody has seen the last change', () =>
      Promise.resolve(
        wholes.every(({ revisions }) => revisions.length >= wantedWhole.length) &&
          slices.every(({ revisions }, n) => {
            return revisions.length >= (bySlice.get(slice(n))?.length ?? 0);
          }),
      ),
    );
    for (const { revisions } of wholes) expect(revisions).toEqual(wantedWhole);
    slices.forEach(({ revisions }, n) => {
      expect(revisions).toEqual(bySlice.get(slice(n)) ?? []);
    });
    const after = memoryOf(cluster);
    const growth = [...after].map(([name, bytes]) => bytes - (before.get(name) ?? bytes));
    console.log(
      `${written.length} writes in ${seconds.toFixed(1)} s (${Math.round(written.length / seconds)}/s), ${SLICES} + ${WHOLE} watches; ` +
        `members grew by ${growth.map((bytes) => `${Math.round(bytes / 1024 / 1024)} MiB`).join(', ')}`,
    );
    expect(Math.max(...growth)).toBeLessThan(MOST_GROWTH_BYTES);
    const end = await stalled.ended;
    console.log(`the one that took nothing was told ${stalled.told()} changes, then ${end.code}`);
    expect(end.code).toBe('LAGGING');
    expect(stalled.told()).toBeLessThan(written.length);
    stalled.close();
    // From its token somebody else goes on where it stopped, and misses nothing.
    const rest: Seen = { revisions: [], keys: [] };
    const resumed = (clients[0] as DougClient).watch({ from: end.token });
    const followed = follow(resumed, rest);
    const wantedRest = wantedWhole.slice(stalled.told());
    await until('the rest is told', () =>
      Promise.resolve(rest.revisions.length >= wantedRest.length),
    );
    expect(rest.revisions).toEqual(wantedRest);
    for (const watch of [...watches, resumed]) await watch.close();
    await Promise.all([...watched, followed]);
  });
});

async function follow(
  watch: AsyncIterable<{ key: string; revision: number }>,
  seen: Seen,
): Promise<void> {
  for await (const { key, revision } of watch) {
    seen.keys.push(key);
    seen.revisions.push(revision);
  }
}

function slice(n: number): string {
  return `${n}`.padStart(3, '0');
}

/** Resident bytes of each member. */
function memoryOf(cluster: ProcessCluster): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, child } of cluster.members) {
    if (child?.pid === undefined) continue;
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    sizes.set(name, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024);
  }
  return sizes;
}
