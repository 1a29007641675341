import { DougError } from '@dougdb/client';
import type { Random } from '@dougdb/ports';
import type { KeyRotation } from '../recorder/key-rotation.js';
import type { RecordableClient } from '../recorder/recording-client.js';

export interface RegisterWorkloadOptions {
  /** Recording clients; each runs one operation at a time. */
  readonly clients: readonly RecordableClient[];
  readonly keys: KeyRotation;
  readonly random: Random;
  /** For one operation with all its retries. */
  readonly timeoutMs: number;
  /** Called between operations: false ends the workload. */
  readonly goesOn: () => boolean;
  /** Waits a moment between two operations of a client; the clients would else be as fast as they can. */
  readonly pause: () => Promise<void>;
}

/** What a workload has seen. */
export interface RegisterWorkloadResult {
  readonly succeeded: number;
  readonly refused: number;
  readonly unknown: number;
  /** Longest time without a success of anybody, in ms of the clock given. */
  readonly longestGapMs: number;
}

type Step = (
  client: RecordableClient,
  key: string,
  options: { timeoutMs: number },
) => Promise<void>;

/**
 * Clients that read, put, delete and compare-and-set a few keys at the same time: every key is a register
 * whose history must be linearizable. Keys are renamed as the rotation wants; no value is written twice.
 */
export async function runRegisterWorkload(
  options: RegisterWorkloadOptions,
  nowMs: () => number,
): Promise<RegisterWorkloadResult> {
  const { clients, keys, random, timeoutMs } = options;
  const seen = { succeeded: 0, refused: 0, unknown: 0, longestGapMs: 0 };
  let lastMs = nowMs();
  const endGap = (): void => {
    const now = nowMs();
    seen.longestGapMs = Math.max(seen.longestGapMs, now - lastMs);
    lastMs = now;
  };
  const succeeded = (): void => {
    endGap();
    seen.succeeded++;
  };
  const steps = weighted(keys);
  const run = async (client: RecordableClient): Promise<void> => {
    while (options.goesOn()) {
      const key = keys.next(Math.floor(random.next() * keys.slots));
      const step = steps[Math.floor(random.next() * steps.length)] as Step;
      try {
        await step(client, key, { timeoutMs });
        succeeded();
      } catch (error) {
        if (!DougError.is(error)) throw error;
        if (error.reason === 'COMPARE_FAILED') {
          succeeded();
        } else if (error.outcome === 'NOT_APPLIED') {
          seen.refused++;
        } else {
          seen.unknown++;
          keys.noteUnknown(key);
        }
      }
      await options.pause();
    }
  };
  await Promise.all(clients.map(run));
  endGap();
  return seen;
}

/** Of ten operations: four gets, three puts, two compare-and-sets, one delete or put of what is absent. */
function weighted(keys: KeyRotation): readonly Step[] {
  const get: Step = async (client, key, options) => {
    await client.get(key, options);
  };
  const put: Step = async (client, key, options) => {
    await client.put(key, keys.nextValue(), options);
  };
  const replace: Step = async (client, key, options) => {
    const hit = await client.get(key, options);
    const condition = hit === null ? { ifAbsent: true } : { ifRevision: hit.revision };
    await client.put(key, keys.nextValue(), { ...options, ...condition });
  };
  const create: Step = async (client, key, options) => {
    await client.put(key, keys.nextValue(), { ...options, ifAbsent: true });
  };
  const remove: Step = async (client, key, options) => {
    await client.delete(key, options);
  };
  return [get, get, get, get, put, put, put, replace, replace, create, remove];
}
