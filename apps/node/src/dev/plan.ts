import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '@dougdb/host';
import { checkFree, freePorts } from '@dougdb/host/node';

const ADMIN_OFFSET = 80;
/** The facade stands so far before the first member. */
const FACADE_OFFSET = -100;
const DEFAULT_NODES = 5;
const DEFAULT_PORT_BASE = 4400;
/** More would only get in each other's way on one machine. */
const MOST_NODES = 15;
const FILE = 'dev.json';
const FACADE_NAME = 'f1';

/** Where one process of a dev cluster is and will be. */
export interface PlannedProcess {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
}

/** A dev cluster, as its directory remembers it. */
export interface DevPlan {
  readonly members: readonly PlannedProcess[];
  readonly facade: PlannedProcess;
  /** Keys at which it was cut into partitions when it was made; empty: one partition. */
  readonly splitAt: readonly string[];
  /** Whether it was made with leases to read by. */
  readonly leaseReads: boolean;
}

type KnownPlan = Omit<DevPlan, 'facade'> & { facade?: PlannedProcess | undefined };

/** What `dev` was asked for; null: not said. */
export interface DevRequest {
  readonly dir: string;
  readonly nodes: number | null;
  readonly portBase: number | null;
  readonly splitAt: readonly string[] | null;
  readonly leaseReads: boolean | null;
}

/**
 * The processes of the dev cluster in this directory: those that it had before, or new ones. Their ports
 * are remembered, so that a cluster comes back where its clients know it.
 * @throws UsageError when a port is taken, naming it, or when the request contradicts the directory
 */
export async function planCluster(request: DevRequest): Promise<DevPlan> {
  const known = readPlan(request.dir);
  const plan = known ?? (await newPlan(request));
  if (known !== null) checkAgainst(known, request);
  plan.facade ??= await freeFacade();
  for (const { port, adminPort } of [plan.facade, ...plan.members]) {
    await checkFree(port);
    await checkFree(adminPort);
  }
  writePlan(request.dir, plan);
  return plan as DevPlan;
}

/** For a cluster that was made when there were no facades. */
async function freeFacade(): Promise<PlannedProcess> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  return { name: FACADE_NAME, port, adminPort };
}

async function newPlan({ nodes, portBase, splitAt, leaseReads }: DevRequest): Promise<KnownPlan> {
  const count = nodes ?? DEFAULT_NODES;
  if (count < 1 || count > MOST_NODES) {
    throw new UsageError(`--nodes ${count}: must be 1 to ${MOST_NODES}`);
  }
  const base = portBase ?? DEFAULT_PORT_BASE;
  if (base + ADMIN_OFFSET + count > 65_536) throw new UsageError(`--port-base ${base} is too high`);
  if (base !== 0 && base + FACADE_OFFSET < 1) {
    throw new UsageError(`--port-base ${base} is too low: the facade stands 100 below it`);
  }
  const free = base === 0 ? await freePorts(2 * count + 2) : null;
  const members = Array.from({ length: count }, (_, at) => ({
    name: `n${at + 1}`,
    port: free?.[2 * at] ?? base + at,
    adminPort: free?.[2 * at + 1] ?? base + ADMIN_OFFSET + at,
  }));
  const facade = {
    name: FACADE_NAME,
    port: free?.[2 * count] ?? base + FACADE_OFFSET,
    adminPort: free?.[2 * count + 1] ?? base + FACADE_OFFSET + ADMIN_OFFSET,
  };
  return { members, facade, splitAt: splitAt ?? [], leaseReads: leaseReads ?? false };
}

function checkAgainst(known: KnownPlan, request: DevRequest): void {
  const { dir, nodes, portBase, splitAt, leaseReads } = request;
  const { members } = known;
  if (nodes !== null && nodes !== members.length) {
    throw new UsageError(`--nodes ${nodes}: ${dir} holds a cluster of ${members.length}`);
  }
  if (splitAt !== null && splitAt.join() !== known.splitAt.join()) {
    const was = known.splitAt.join() || 'no key';
    throw new UsageError(`--split-at ${splitAt.join()}: the cluster in ${dir} was split at ${was}`);
  }
  if (leaseReads !== null && leaseReads !== known.leaseReads) {
    const how = known.leaseReads ? 'with' : 'without';
    throw new UsageError(`--lease-reads ${leaseReads}: the cluster in ${dir} was made ${how} them`);
  }
  const first = members[0]?.port;
  if (portBase !== null && portBase !== 0 && portBase !== first) {
    throw new UsageError(`--port-base ${portBase}: the cluster in ${dir} has ports from ${first}`);
  }
}

function readPlan(dir: string): KnownPlan | null {
  const path = join(dir, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UsageError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    const plan = JSON.parse(text) as Partial<KnownPlan>;
    const { members, facade, splitAt = [], leaseReads = false } = plan;
    const isWhole =
      members !== undefined &&
      members.length > 0 &&
      [facade ?? members[0], ...members].every((one) => isPlaced(one)) &&
      splitAt.every((key) => typeof key === 'string') &&
      typeof leaseReads === 'boolean';
    if (isWhole) return { members, facade, splitAt, leaseReads };
  } catch (cause) {
    throw new UsageError(`${path} is damaged: remove ${dir} to begin anew`, { cause });
  }
  throw new UsageError(`${path} is damaged: remove ${dir} to begin anew`);
}

function isPlaced(one: PlannedProcess | undefined): boolean {
  return one !== undefined && one.port > 0 && one.adminPort > 0;
}

function writePlan(dir: string, plan: KnownPlan): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(plan, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
