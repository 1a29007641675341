import type { DevChild } from './child-process.js';
import type { DevCluster } from './dev-cluster.js';

/** The ready line for programs: one JSON object with every address and pid. */
export function jsonLine(dir: string, { members, facade }: DevCluster): string {
  const placeOf = ({ name, address, adminAddress, pid, logFile }: DevChild) => ({
    name,
    address,
    admin: adminAddress,
    pid,
    logFile,
  });
  return JSON.stringify({
    ready: true,
    dir,
    pid: process.pid,
    facade: placeOf(facade),
    members: members.map(({ child, dataDir }) => ({ ...placeOf(child), dataDir })),
  });
}

/** The ready line for people. */
export function plainLine(dir: string, { members, facade }: DevCluster): string {
  const placeOf = ({ name, address, adminAddress, pid }: DevChild): string =>
    `${name} ${address} (admin ${adminAddress}, pid ${pid})`;
  const all = members.map(({ child }) => placeOf(child)).join(', ');
  return `doug-node dev ready in ${dir}: facade ${placeOf(facade)}; members ${all}`;
}

/** What to try next. On stderr: stdout has the ready line alone. */
export function hints({ members, facade }: DevCluster): string {
  return `
try, from another terminal:
  export DOUG_ENDPOINTS=${facade.address}
  npx doug put hello world
  npx doug get hello
  npx doug status             # who leads
  kill -9 ${String(members[0]?.child.pid).padEnd(19)} # any one of them; then: npx doug get hello
Ctrl-C stops all of them; the data stays for the next start.`;
}
