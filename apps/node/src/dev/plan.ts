import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '@dougdb/host';
import { checkFree, freePorts } from './ports.js';

const ADMIN_OFFSET = 80;
const DEFAULT_NODES = 5;
const DEFAULT_PORT_BASE = 4400;
/** More would only get in each other's way on one machine. */
const MOST_NODES = 15;
const FILE = 'dev.json';

/** Where one member of a dev cluster is and will be. */
export interface PlannedMember {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
}

/** What `dev` was asked for; null: not said. */
export interface DevRequest {
  readonly dir: string;
  readonly nodes: number | null;
  readonly portBase: number | null;
}

/**
 * The members of the dev cluster in this directory: those that it had before, or new ones. Their ports
 * are remembered, so that a cluster comes back where its clients know it.
 * @throws UsageError when a port is taken, naming it, or when the request contradicts the directory
 */
export async function planMembers(request: DevRequest): Promise<readonly PlannedMember[]> {
  const known = readPlan(request.dir);
  const members = known ?? (await newPlan(request));
  if (known !== null) checkAgainst(known, request);
  for (const { port, adminPort } of members) {
    await checkFree(port);
    await checkFree(adminPort);
  }
  if (known === null) writePlan(request.dir, members);
  return members;
}

async function newPlan({ nodes, portBase }: DevRequest): Promise<PlannedMember[]> {
  const count = nodes ?? DEFAULT_NODES;
  if (count < 1 || count > MOST_NODES) {
    throw new UsageError(`--nodes ${count}: must be 1 to ${MOST_NODES}`);
  }
  const base = portBase ?? DEFAULT_PORT_BASE;
  if (base + ADMIN_OFFSET + count > 65_536) throw new UsageError(`--port-base ${base} is too high`);
  const free = base === 0 ? await freePorts(2 * count) : null;
  return Array.from({ length: count }, (_, at) => ({
    name: `n${at + 1}`,
    port: free?.[2 * at] ?? base + at,
    adminPort: free?.[2 * at + 1] ?? base + ADMIN_OFFSET + at,
  }));
}

function checkAgainst(known: readonly PlannedMember[], { dir, nodes, portBase }: DevRequest): void {
  if (nodes !== null && nodes !== known.length) {
    throw new UsageError(`--nodes ${nodes}: ${dir} holds a cluster of ${known.length}`);
  }
  const first = known[0]?.port;
  if (portBase !== null && portBase !== 0 && portBase !== first) {
    throw new UsageError(`--port-base ${portBase}: the cluster in ${dir} has ports from ${first}`);
  }
}

function readPlan(dir: string): PlannedMember[] | null {
  const path = join(dir, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UsageError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    const { members } = JSON.parse(text) as { members: PlannedMember[] };
    if (members.length > 0 && members.every((m) => m.port > 0 && m.adminPort > 0)) return members;
  } catch (cause) {
    throw new UsageError(`${path} is damaged: remove ${dir} to begin anew`, { cause });
  }
  throw new UsageError(`${path} is damaged: remove ${dir} to begin anew`);
}

function writePlan(dir: string, members: readonly PlannedMember[]): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify({ members }, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
