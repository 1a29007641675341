import { resolve } from 'node:path';
import { UsageError } from '@dougdb/host';
import { splitKeysFault } from '@dougdb/member';
import { ChildMember } from '../dev/child-member.js';
import { planCluster } from '../dev/plan.js';

const INTERNAL_ERROR = 1;

/**
 * `doug-node dev`: runs until Ctrl-C or SIGTERM. A member that dies is told of and stays dead, so that
 * one can watch what its cluster does without it.
 * @throws UsageError
 */
export async function runDev(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const dir = resolve(String(flags.dir));
  const { members, splitAt } = await planCluster({
    dir,
    nodes: wholeNumber('--nodes', flags.nodes),
    portBase: wholeNumber('--port-base', flags.portBase),
    splitAt: splitKeys(flags.splitAt),
  });
  const join = members.map(({ port }) => `127.0.0.1:${port}`);
  let stopping = false;
  let exitCode = 0;
  const children = members.map((member) => new ChildMember(member, dir, join, splitAt));

  const stop = async (code: number): Promise<void> => {
    if (stopping) process.exit(INTERNAL_ERROR);
    stopping = true;
    exitCode = code;
    await Promise.all(children.map((child) => child.stop()));
    process.exit(exitCode);
  };
  const stopOn = (code: number): void => {
    stop(code).catch((error: unknown) => {
      console.error(error);
      process.exit(INTERNAL_ERROR);
    });
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopOn(0));

  let alive = children.length;
  let ready = false;
  for (const child of children) {
    void child.ended.then(({ code, signal }) => {
      alive--;
      if (stopping) return;
      const how = signal === null ? `exit code ${code}` : signal;
      console.error(`${child.name} (pid ${child.pid}) ended: ${how}. Its log: ${child.logFile}`);
      if (!ready) {
        console.error(child.logTail());
        stopOn(code === null || code === 0 ? INTERNAL_ERROR : code);
      } else if (alive === 0) stopOn(INTERNAL_ERROR);
      else console.error(`to start it again: ${child.command}`);
    });
  }
  await Promise.all(children.map((child) => child.whenReady()));
  if (stopping) return;
  ready = true;
  if (flags.json === true) {
    console.log(jsonLine(dir, children));
    return;
  }
  console.log(plainLine(dir, children));
  console.error(hints(children));
}

/** What to try next. On stderr: stdout has the ready line alone. */
function hints(children: readonly ChildMember[]): string {
  return `
try, from another terminal:
  export DOUG_ENDPOINTS=${children.map(({ address }) => address).join(',')}
  npx doug put hello world
  npx doug get hello
  npx doug status             # who leads
  kill -9 ${String(children[0]?.pid).padEnd(19)} # any one of them; then: npx doug get hello
Ctrl-C stops all of them; the data stays for the next start.`;
}

function jsonLine(dir: string, children: readonly ChildMember[]): string {
  const members = children.map(({ name, address, adminAddress, pid, dataDir, logFile }) => ({
    name,
    address,
    admin: adminAddress,
    pid,
    dataDir,
    logFile,
  }));
  return JSON.stringify({ ready: true, dir, pid: process.pid, members });
}

function plainLine(dir: string, children: readonly ChildMember[]): string {
  const members = children.map(
    ({ name, address, adminAddress, pid }) =>
      `${name} ${address} (admin ${adminAddress}, pid ${pid})`,
  );
  return `doug-node dev ready in ${dir}: ${members.join(', ')}`;
}

/** @throws UsageError */
function splitKeys(value: unknown): string[] | null {
  if (value === undefined) return null;
  const keys = String(value).split(',');
  const fault = splitKeysFault(keys.map((key) => new TextEncoder().encode(key)));
  if (fault !== null) throw new UsageError(`--split-at: ${fault}`);
  return keys;
}

/** @throws UsageError */
function wholeNumber(flag: string, value: unknown): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (/^\d+$/.test(String(value)) && number <= 65_535) return number;
  throw new UsageError(`${flag} ${String(value)}: must be a whole number up to 65535`);
}
