import { LOG_TIME_PER_MS } from '@dougdb/replica';
import { GetRequest, GetResponse, PutRequest, PutResponse } from '@dougdb/rpc-proto';
import { explainSight } from '../checks/answers.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { attempt, insist } from './outcome.js';
import { RawCaller } from './raw-caller.js';
import { RepeatingSender } from './repeating-sender.js';

const SECOND_MS = 1_000;
/** Lives of keys: most end within the run, some never do. */
const LIVES_MS = [20, 200, 200, 1_000, 3_600_000] as const;
/** A key whose time is over is gone after so long, when nothing is wrong. */
const LEADER_SEES_MS = 2 * SECOND_MS;

/** Keys with a time to live: they go by their log alone, never early, and when all is well in time. */
export const mortal: ClientKind = (context) => Promise.resolve(new Mortal(context));

class Mortal implements Client {
  readonly #context: ClientContext;
  readonly #sender: RepeatingSender;
  readonly #caller: RawCaller;
  #count = 0;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#sender = new RepeatingSender(context);
    this.#caller = new RawCaller(context.cluster, context.random.fork('reads'), context.name);
  }

  async act(): Promise<void> {
    const { cluster, random } = this.#context;
    const key = `${random.pick(cluster.partitioning.keys)}.m${random.int(3)}`;
    if (random.chance(0.5)) await this.#put(key);
    else await this.#get(key);
  }

  /** No key outlives its time for long, by the time that its partition tells. */
  async conclude(): Promise<void> {
    const { cluster, coverage, truth } = this.#context;
    const times = new Map<number, number>();
    for (const key of cluster.partitioning.keys) {
      const header = await insist(coverage, `a read of ${key}`, () => this.#read(key));
      times.set(cluster.partitioning.partitionOf(key), header.logTime);
    }
    await cluster.sleep(LEADER_SEES_MS);
    for (const [partitionId, logTime] of times) {
      const { model } = truth.partition(partitionId);
      for (const [key, { expiresAt }] of model.versions.range('', '', model.revision)) {
        if (expiresAt === 0 || expiresAt > logTime) continue;
        const sinceMs = (logTime - expiresAt) / LOG_TIME_PER_MS;
        truth.report('ttl-in-time', `${key} should be gone since ${sinceMs} ms`);
      }
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #put(key: string): Promise<void> {
    const { cluster, random, coverage, truth, name, trace, number } = this.#context;
    const partitionId = cluster.partitioning.partitionOf(key);
    const value = encoder.encode(`${name}-${this.#count++}`);
    const ttlMs = random.pick([0, ...LIVES_MS]);
    const put = { key: encoder.encode(key), value, ttlMs, returnPrevious: random.chance(0.3) };
    const ended = await attempt(coverage, () =>
      this.#sender.run({
        ...{ what: `put ${key}`, partitionId, key },
        send: async (caller, opId) => {
          const request = PutRequest.encode(PutRequest.fromPartial({ ...put, opId })).finish();
          const { revision, previousRevision } = PutResponse.decode(
            await caller.call('Put', request),
          );
          return { revision, previousRevision };
        },
        isAsLogged: ({ revision, previousRevision }, logged) =>
          revision === logged.revision &&
          logged.changed &&
          previousRevision === (logged.previous?.revision ?? 0),
      }),
    );
    trace(`c${number} put ${key} for ${ttlMs} ms ${ended.status}`);
    if (ended.status !== 'ok') return;
    truth.partition(partitionId).acked.tell(cluster.scheduler.nowMs, ended.result.revision);
  }

  async #get(key: string): Promise<void> {
    const { cluster, coverage, truth } = this.#context;
    const { acked, model } = truth.partition(cluster.partitioning.partitionOf(key));
    const before = acked.before(cluster.scheduler.nowMs);
    const ended = await attempt(coverage, () => this.#read(key));
    if (ended.status !== 'ok') return;
    const { sight } = ended.result;
    const why = explainSight(model.versions, key, sight, before, model.revision);
    if (why !== null) truth.report('read-linearizable', `get of a key with a time: ${why}`);
    if (sight !== null) acked.tell(cluster.scheduler.nowMs, sight.revision);
  }

  async #read(key: string): Promise<{
    readonly sight: { readonly value: string; readonly revision: number } | null;
    readonly logTime: number;
  }> {
    const request = GetRequest.encode(GetRequest.fromPartial({ key: encoder.encode(key) }));
    try {
      const answer = GetResponse.decode(await this.#caller.call('Get', request.finish()));
      const { kv, header } = answer;
      const sight = kv && { value: decoder.decode(kv.value), revision: kv.revision };
      return { sight: sight ?? null, logTime: header?.logTime ?? 0 };
    } catch (error) {
      this.#caller.follow(error);
      throw error;
    }
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
