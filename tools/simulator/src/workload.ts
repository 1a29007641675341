import type { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import type { Observation } from './oracle.js';

/** The calls of a client that the workload uses. */
export interface WorkloadClient {
  put(key: string, value: string): Promise<{ revision: number }>;
  delete(key: string): Promise<{ revision: number }>;
  get(key: string): Promise<{ value: string; revision: number } | null>;
}

export interface WorkloadOptions {
  readonly scheduler: SimScheduler;
  readonly random: SimRandom;
  readonly clients: readonly WorkloadClient[];
  readonly operationsPerClient: number;
  readonly keys: number;
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

async function runClient(
  options: WorkloadOptions,
  client: WorkloadClient,
  n: number,
  history: Observation[],
): Promise<void> {
  const { scheduler, trace } = options;
  const random = options.random.fork(`client-${n}`);
  for (let i = 0; i < options.operationsPerClient; i++) {
    await pause(scheduler, -options.meanPauseMs * Math.log(1 - random.next()));
    const key = `key-${random.int(options.keys)}`;
    const draw = random.next();
    const kind = draw < 0.5 ? 'put' : draw < 0.6 ? 'delete' : 'get';
    const value = kind === 'put' ? `c${n}-${i}` : null;
    const invokedMs = scheduler.nowMs;
    const seen = await attempt(client, kind, key, value);
    const op: Observation = {
      client: n,
      kind,
      key,
      invokedMs,
      returnedMs: scheduler.nowMs,
      ...seen,
    };
    trace(`c${n} ${kind} ${key} ${op.value} ${op.status} ${op.revision}`);
    history.push(op);
  }
}

async function attempt(
  client: WorkloadClient,
  kind: Observation['kind'],
  key: string,
  value: string | null,
): Promise<Pick<Observation, 'status' | 'value' | 'revision'>> {
  try {
    if (kind === 'get') {
      const hit = await client.get(key);
      return { status: 'ok', value: hit?.value ?? null, revision: hit?.revision ?? 0 };
    }
    const { revision } =
      kind === 'put' ? await client.put(key, value as string) : await client.delete(key);
    return { status: 'ok', value, revision };
  } catch (error) {
    if (!DougError.is(error)) throw error;
    return { status: error.outcome === 'NOT_APPLIED' ? 'fail' : 'unknown', value, revision: 0 };
  }
}

function pause(scheduler: SimScheduler, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    scheduler.schedule(delayMs, resolve);
  });
}
