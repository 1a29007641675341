import {
  type KeyValue,
  TxnOperation,
  TxnRequest,
  TxnResponse,
  type TxnStepResult,
} from '@dougdb/rpc-proto';
import type { Pair, StepAnswer } from '../truth/answer.js';
import { textOf } from '../truth/text.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { TxnDrawing } from './draw-txn.js';
import { attempt } from './outcome.js';
import { RepeatingSender } from './repeating-sender.js';

/** Transactions over keys of one partition, whose answers are told by their log. */
export const transactor: ClientKind = (context) => Promise.resolve(new Transactor(context));

class Transactor implements Client {
  readonly #context: ClientContext;
  readonly #sender: RepeatingSender;
  readonly #drawing: TxnDrawing;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#sender = new RepeatingSender(context);
    this.#drawing = new TxnDrawing(context.random.fork('txns'), context.name);
  }

  async act(): Promise<void> {
    const { cluster, random, coverage, truth, trace, number } = this.#context;
    const { keys, partitionOf } = cluster.partitioning;
    const key = random.pick(keys);
    const partitionId = partitionOf(key);
    const own = keys.filter((each) => partitionOf(each) === partitionId);
    const { acked, model } = truth.partition(partitionId);
    const txn = TxnOperation.fromPartial(this.#drawing.draw(own, model.revision));
    const before = acked.before(cluster.scheduler.nowMs);
    const ended = await attempt(coverage, () =>
      this.#sender.run({
        what: 'txn',
        partitionId,
        key,
        send: async (caller, opId) => {
          const request = TxnRequest.encode(TxnRequest.fromPartial({ opId, txn })).finish();
          return answerOf(TxnResponse.decode(await caller.call('Txn', request)));
        },
        isAsLogged: (answer, logged) =>
          logged.revision === answer.revision &&
          logged.compareFailed === !answer.succeeded &&
          JSON.stringify(logged.steps) === JSON.stringify(answer.steps),
      }),
    );
    trace(`c${number} txn ${key} ${ended.status}`);
    if (ended.status !== 'ok') return;
    const { revision, succeeded } = ended.result;
    coverage.hit(succeeded ? 'txn-succeeded' : 'txn-failed');
    if (revision < before) {
      truth.report('acked-in-order', `txn at ${revision} after ${before} had been told`);
    }
    acked.tell(cluster.scheduler.nowMs, revision);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface TxnAnswer {
  readonly revision: number;
  readonly succeeded: boolean;
  readonly steps: readonly StepAnswer[];
}

function answerOf({ revision, result, resultNotKept }: TxnResponse): TxnAnswer {
  if (resultNotKept || result === undefined) throw new Error('a small result was not kept');
  return { revision, succeeded: result.succeeded, steps: result.steps.map(stepOf) };
}

function stepOf({ result }: TxnStepResult): StepAnswer {
  switch (result?.$case) {
    case 'put':
    case 'delete': {
      const { existed, previous } = result.value;
      return { kind: 'written', existed, previous: pairOf(previous) };
    }
    case 'get':
      return { kind: 'found', pair: pairOf(result.value.kv) };
    case 'scan': {
      const pairs = result.value.kvs.map((kv) => pairOf(kv) as Pair);
      return { kind: 'scanned', pairs, more: result.value.more };
    }
    case 'deleteRange':
      return { kind: 'deleted', count: result.value.deleted };
    case undefined:
      throw new Error('a step without an answer');
  }
}

function pairOf(kv: KeyValue | undefined): Pair | null {
  if (kv === undefined) return null;
  return { key: textOf(kv.key), value: textOf(kv.value), revision: kv.revision };
}
