import type { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import type { LookAnswer, LookingWrite } from './looking-write.js';
import type { Observation } from './observation.js';

/** The calls of a client that the workload uses. */
export interface WorkloadClient {
  put(key: string, value: string): Promise<{ revision: number }>;
  delete(key: string): Promise<{ revision: number }>;
  get(key: string): Promise<{ value: string; revision: number } | null>;
  /** By one of the ways that there are. */
  look(write: LookingWrite): Promise<LookAnswer>;
}

export interface WorkloadOptions {
  readonly scheduler: SimScheduler;
  readonly random: SimRandom;
  readonly clients: readonly WorkloadClient[];
  readonly operationsPerClient: number;
  readonly keys: readonly string[];
  /** Mean pause of a client between two operations. */
  readonly meanPauseMs: number;
  readonly trace: (line: string) => void;
}

/** Runs every client's operations, one at a time each, and records what was seen. */
export async function runWorkload(options: WorkloadOptions): Promise<Observation[]> {
  const history: Observation[] = [];
  await Promise.all(options.clients.map((client, n) => runClient(options, client, n, history)));
  return history;
}

type Seen = Pick<Observation, 'status' | 'value' | 'revision' | 'look'>;

async function runClient(
  options: WorkloadOptions,
  client: WorkloadClient,
  n: number,
  history: Observation[],
): Promise<void> {
  const { scheduler, trace } = options;
  const random = options.random.fork(`client-${n}`);
  /** The newest revision of each key that this client knows of. */
  const known = new Map<string, number>();
  for (let i = 0; i < options.operationsPerClient; i++) {
    await pause(scheduler, -options.meanPauseMs * Math.log(1 - random.next()));
    const key = random.pick(options.keys);
    const value = `c${n}-${i}`;
    const draw = random.next();
    const write = draw < 0.35 ? drawLook(random, key, value, known.get(key) ?? 1) : null;
    const kind = write?.kind ?? (draw < 0.65 ? 'put' : draw < 0.7 ? 'delete' : 'get');
    const invokedMs = scheduler.nowMs;
    const seen =
      write === null
        ? await attempt(client, kind, key, kind === 'put' ? value : null)
        : await attemptLook(client, write);
    const op: Observation = {
      client: n,
      kind,
      key,
      invokedMs,
      returnedMs: scheduler.nowMs,
      ...seen,
    };
    const there = op.look?.previous?.revision ?? 0;
    if (op.status === 'ok') known.set(key, Math.max(1, op.revision, there));
    trace(
      `c${n} ${kind} ${key} ${op.value} ${op.status} ${op.revision} ${JSON.stringify(op.look)}`,
    );
    history.push(op);
  }
}

function drawLook(
  random: SimRandom,
  key: string,
  value: string,
  knownRevision: number,
): LookingWrite {
  const returnPrevious = random.chance(0.5);
  const put = { kind: 'put', key, value, ifAbsent: false, ifRevision: 0, returnPrevious } as const;
  const remove = { ...put, kind: 'delete', value: null } as const;
  return random.pick<LookingWrite>([
    { ...put, ifAbsent: true },
    { ...put, ifRevision: knownRevision },
    { ...put, returnPrevious: true },
    { ...put, ifRevision: knownRevision },
    remove,
    { ...remove, ifRevision: knownRevision },
  ]);
}

async function attempt(
  client: WorkloadClient,
  kind: Observation['kind'],
  key: string,
  value: string | null,
): Promise<Seen> {
  try {
    if (kind === 'get') {
      const hit = await client.get(key);
      return { status: 'ok', value: hit?.value ?? null, revision: hit?.revision ?? 0 };
    }
    const { revision } =
      kind === 'put' ? await client.put(key, value as string) : await client.delete(key);
    return { status: 'ok', value, revision };
  } catch (error) {
    return failed(error, value);
  }
}

async function attemptLook(client: WorkloadClient, write: LookingWrite): Promise<Seen> {
  const { value, ifAbsent, ifRevision } = write;
  try {
    const { revision, compareFailed, previous } = await client.look(write);
    const look = { ifAbsent, ifRevision, compareFailed, previous };
    return { status: 'ok', value, revision, look };
  } catch (error) {
    return failed(error, value);
  }
}

/** @throws what is not an error of the family */
function failed(error: unknown, value: string | null): Seen {
  if (!DougError.is(error)) throw error;
  return { status: error.outcome === 'NOT_APPLIED' ? 'fail' : 'unknown', value, revision: 0 };
}

function pause(scheduler: SimScheduler, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    scheduler.schedule(delayMs, resolve);
  });
}
