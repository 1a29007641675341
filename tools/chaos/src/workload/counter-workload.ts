import { CompareFailedError, DougError } from '@dougdb/client';
import type { Random } from '@dougdb/ports';
import type { KeyRotation } from '../recorder/key-rotation.js';
import type { RecordableClient } from '../recorder/recording-client.js';

/** One client of a workload of counters. */
export interface CountingClient {
  /** Compares and sets, by what it read; recorded. */
  readonly recorded: RecordableClient;
  /** Adds one to the number at a key, whatever that is. */
  readonly increment: (key: string) => Promise<unknown>;
}

export interface CounterWorkloadOptions {
  readonly clients: readonly CountingClient[];
  /** Of the counters that are compared and set. */
  readonly keys: KeyRotation;
  /** The counters that are incremented. */
  readonly plainKeys: readonly string[];
  readonly random: Random;
  readonly nowMs: () => number;
  /** Called between operations: false ends the workload. */
  readonly goesOn: () => boolean;
  /** Waits a moment between two operations of a client. */
  readonly pause: () => Promise<void>;
}

/** What a workload of counters has done. */
export interface CounterWorkloadResult {
  /** By key: how often it was counted up, each time acknowledged. */
  readonly counted: ReadonlyMap<string, number>;
  /** Calls whose outcome nobody knows: with any of them the counts are bounds and no longer exact. */
  readonly unknown: number;
  readonly refused: number;
  /** Comparisons that another client was faster than. */
  readonly conflicts: number;
  /** Times without a success of one client, each {from, to}, the longest of each client and fault apart. */
  readonly gaps: readonly ClientGap[];
}

/** A client had no success between two moments. */
export interface ClientGap {
  readonly client: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Shorter ones are not kept. */
const LEAST_GAP_MS = 100;

/** Clients that count: half of the steps by compare-and-set, half by increments that are sent until they are answered. */
export async function runCounterWorkload(
  options: CounterWorkloadOptions,
): Promise<CounterWorkloadResult> {
  const { clients, keys, plainKeys, random, nowMs, goesOn, pause } = options;
  const counted = new Map<string, number>();
  const gaps: ClientGap[] = [];
  const seen = { unknown: 0, refused: 0, conflicts: 0 };
  const count = (key: string): void => void counted.set(key, (counted.get(key) ?? 0) + 1);
  const run = async ({ recorded, increment }: CountingClient, client: number): Promise<void> => {
    let lastMs = nowMs();
    const succeeded = (): void => {
      const toMs = nowMs();
      if (toMs - lastMs >= LEAST_GAP_MS) gaps.push({ client, fromMs: lastMs, toMs });
      lastMs = toMs;
    };
    while (goesOn()) {
      const isPlain = random.next() < 0.5;
      const key = isPlain
        ? (plainKeys[Math.floor(random.next() * plainKeys.length)] as string)
        : keys.next(Math.floor(random.next() * keys.slots));
      try {
        if (isPlain) await increment(key);
        else await compareAndSet(recorded, key);
        count(key);
        succeeded();
      } catch (error) {
        if (!DougError.is(error)) throw error;
        // An answer is an answer: the client was served.
        if (CompareFailedError.is(error)) seen.conflicts++;
        else if (error.outcome === 'NOT_APPLIED') seen.refused++;
        else seen.unknown++;
        if (CompareFailedError.is(error)) succeeded();
        if (error.outcome === 'UNKNOWN') keys.noteUnknown(key);
      }
      await pause();
    }
  };
  await Promise.all(clients.map(run));
  return { ...seen, counted, gaps };
}

async function compareAndSet(client: RecordableClient, key: string): Promise<void> {
  const now = await client.get(key);
  if (now === null) await client.put(key, '1', { ifAbsent: true });
  else await client.put(key, `${Number(now.value) + 1}`, { ifRevision: now.revision });
}
