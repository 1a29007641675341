// Starts five members and a facade, writes through it, kills the leader with SIGKILL, reads back, and says
// what happened.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './install.mjs';

/** Partition 1 is the cluster's own. */
const FIRST_DATA_PARTITION = 2;

/** Resolves to the exit code. */
export async function once() {
  const dir = mkdtempSync(join(tmpdir(), 'doug-once-'));
  const began = performance.now();
  const say = (text) =>
    console.log(`[${((performance.now() - began) / 1000).toFixed(2).padStart(6)} s] ${text}`);
  const dev = spawn(
    process.execPath,
    [`${root}apps/node/bin/doug-node.mjs`, 'dev', '--dir', dir, '--port-base', '0', '--json'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, DOUG_LOG_LEVEL: 'error' },
    },
  );
  const exited = new Promise((resolve) => dev.once('exit', (code) => resolve(code ?? 1)));
  try {
    const ready = await readyLine(dev, exited);
    say(
      `${ready.members.length} members are ready: ${ready.members.map((m) => m.address).join(', ')}`,
    );
    say(`the facade in front of them is ${ready.facade.address}`);
    await story(ready, say);
    say('it held.');
    return 0;
  } catch (error) {
    console.error(`failed: ${error.stack ?? error}`);
    return 1;
  } finally {
    dev.kill('SIGTERM');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  }
}

async function story(ready, say) {
  const { DougClient } = await import('@dougdb/client');
  const db = await DougClient.connect(ready.facade.address, { timeoutMs: 20_000 });
  try {
    const written = await db.put('hello', 'world');
    say(`put hello = world through the facade: revision ${written.revision}, on a quorum of disks`);
    const leader = await leaderOf(db, ready);
    process.kill(leader.pid, 'SIGKILL');
    say(`killed the leader (${leader.name}, pid ${leader.pid}) with SIGKILL`);
    const killed = performance.now();
    const read = await db.get('hello');
    const gapMs = Math.round(performance.now() - killed);
    if (read?.value !== 'world' || read.revision !== written.revision) {
      throw new Error(`read back ${JSON.stringify(read)}`);
    }
    say(`get hello = ${read.value} (linearizable), ${gapMs} ms after the kill`);
    const again = await db.put('hello', 'again');
    say(`put hello = again: revision ${again.revision}, by the new leader`);
  } finally {
    await db.close();
  }
}

async function leaderOf(db, ready) {
  for (const member of ready.members) {
    const status = await db.admin.status(member.address);
    const data = status.replicas.find((replica) => replica.partitionId === FIRST_DATA_PARTITION);
    if (data?.role === 'leader') return member;
  }
  throw new Error('no member says that it leads');
}

function readyLine(dev, exited) {
  const lines = createInterface({ input: dev.stdout });
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      try {
        resolve(JSON.parse(line));
      } catch (cause) {
        reject(new Error(`the ready line is not JSON: ${line}`, { cause }));
      }
    });
    exited.then((code) => reject(new Error(`doug-node dev ended with exit code ${code}`)), reject);
  });
}
