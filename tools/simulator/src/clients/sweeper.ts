import {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
} from '@dougdb/rpc-proto';
import { textOf } from '../truth/text.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { attempt } from './outcome.js';
import { RepeatingSender } from './repeating-sender.js';

/** Writes keys beside each other and deletes them by ranges, a chunk at a time. */
export const sweeper: ClientKind = (context) => Promise.resolve(new Sweeper(context));

class Sweeper implements Client {
  readonly #context: ClientContext;
  readonly #sender: RepeatingSender;
  #count = 0;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#sender = new RepeatingSender(context);
  }

  async act(): Promise<void> {
    const { cluster, random } = this.#context;
    const key = random.pick(cluster.partitioning.keys);
    if (random.chance(0.7)) await this.#put(`${key}.s${random.int(20)}`);
    else await this.#sweep(key);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #put(key: string): Promise<void> {
    const value = encoder.encode(`${this.#context.name}-${this.#count++}`);
    const partitionId = this.#context.cluster.partitioning.partitionOf(key);
    const put = { key: encoder.encode(key), value };
    const ended = await attempt(this.#context.coverage, () =>
      this.#sender.run({
        ...{ what: `put ${key}`, partitionId, key },
        send: async (caller, opId) => {
          const request = PutRequest.encode(PutRequest.fromPartial({ ...put, opId })).finish();
          return PutResponse.decode(await caller.call('Put', request)).revision;
        },
        isAsLogged: (revision, logged) => revision === logged.revision && logged.changed,
      }),
    );
    if (ended.status === 'ok') this.#tell(partitionId, ended.result);
  }

  async #sweep(key: string): Promise<void> {
    const { cluster, random, coverage, trace, number } = this.#context;
    const partitionId = cluster.partitioning.partitionOf(key);
    const range = {
      start: encoder.encode(`${key}.s`),
      end: encoder.encode(`${key}.s~`),
      limit: random.pick([0, 1, 3]),
    };
    const ended = await attempt(coverage, () =>
      this.#sender.run({
        ...{ what: `delete-range ${key}`, partitionId, key },
        send: async (caller, opId) => {
          const request = DeleteRangeRequest.fromPartial({ ...range, opId });
          const bytes = DeleteRangeRequest.encode(request).finish();
          return answerOf(DeleteRangeResponse.decode(await caller.call('DeleteRange', bytes)));
        },
        isAsLogged: (answer, logged) =>
          answer.revision === logged.revision &&
          answer.deleted === logged.deleted &&
          answer.resumeKey === logged.resumeKey,
      }),
    );
    trace(`c${number} delete-range ${key} ${ended.status}`);
    if (ended.status !== 'ok') return;
    if (ended.result.deleted > 0) coverage.hit('range-deleted');
    this.#tell(partitionId, ended.result.revision);
  }

  #tell(partitionId: number, revision: number): void {
    const { truth, cluster } = this.#context;
    truth.partition(partitionId).acked.tell(cluster.scheduler.nowMs, revision);
  }
}

interface Swept {
  readonly revision: number;
  readonly deleted: number;
  readonly resumeKey: string | null;
}

function answerOf({ revision, result, resultNotKept }: DeleteRangeResponse): Swept {
  if (resultNotKept || result === undefined) throw new Error('a small result was not kept');
  const { deleted, resumeKey } = result;
  return { revision, deleted, resumeKey: resumeKey === undefined ? null : textOf(resumeKey) };
}

const encoder = new TextEncoder();
