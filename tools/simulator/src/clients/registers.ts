import type { DougClient } from '@dougdb/client/core';
import { checkRead, checkWrite, neverWritten } from '../checks/answers.js';
import { type LookAnswer, type LookingWrite, lookBySdk } from '../looking-write.js';
import type { Observation } from '../observation.js';
import { connectClient } from '../sim-client.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { drawLook } from './draw-look.js';
import { errorOf, LAST_TRIES } from './outcome.js';

type Seen = Pick<Observation, 'status' | 'value' | 'revision' | 'look'>;

/** Puts, gets and deletes of keys that many share, with and without conditions, by the SDK. */
export const registers: ClientKind = async (context) =>
  new Registers(context, await connectClient(context.cluster, context.name));

/** How the writes that look first are carried out, and the plain calls. */
export interface RegisterCalls {
  readonly put: (key: string, value: string) => Promise<{ readonly revision: number }>;
  readonly delete: (key: string) => Promise<{ readonly revision: number }>;
  readonly look: (write: LookingWrite) => Promise<LookAnswer>;
}

export class Registers implements Client {
  readonly #context: ClientContext;
  readonly #sdk: DougClient;
  readonly #calls: RegisterCalls;
  /** The newest revision of each key that this client knows of. */
  readonly #known = new Map<string, number>();
  #count = 0;

  constructor(context: ClientContext, sdk: DougClient, calls: Partial<RegisterCalls> = {}) {
    this.#context = context;
    this.#sdk = sdk;
    this.#calls = {
      put: (key, value) => sdk.put(key, value),
      delete: (key) => sdk.delete(key),
      look: (write) => lookBySdk(sdk, write),
      ...calls,
    };
  }

  async act(): Promise<void> {
    const { cluster, random } = this.#context;
    const key = random.pick(cluster.partitioning.keys);
    const draw = random.next();
    if (draw < 0.35) {
      await this.#look(drawLook(random, key, this.#value(), this.#known.get(key) ?? 1));
    } else if (draw < 0.65) {
      await this.#put(key);
    } else if (draw < 0.7) {
      await this.#observe(
        'delete',
        key,
        async () => {
          const { revision } = await this.#calls.delete(key);
          return { status: 'ok', value: null, revision };
        },
        null,
      );
    } else {
      await this.#get(key);
    }
  }

  /** A fresh write and a read of every key. */
  async conclude(): Promise<void> {
    const { cluster, truth, history } = this.#context;
    for (const key of cluster.partitioning.keys) {
      const isOk = (): boolean => history.at(-1)?.status === 'ok';
      for (let tries = 0; tries === 0 || (tries < LAST_TRIES && !isOk()); tries++) {
        await this.#put(key);
        if (isOk()) await this.#get(key);
      }
      if (!isOk()) truth.report('liveness', `${key} cannot be written and read after healing`);
    }
  }

  close(): Promise<void> {
    return this.#sdk.close();
  }

  /** None is written twice. */
  #value(): string {
    return `${this.#context.name}-${this.#count++}`;
  }

  #put(key: string): Promise<void> {
    const value = this.#value();
    const run = async (): Promise<Seen> => {
      const { revision } = await this.#calls.put(key, value);
      return { status: 'ok', value, revision };
    };
    return this.#observe('put', key, run, value);
  }

  #get(key: string): Promise<void> {
    return this.#observe(
      'get',
      key,
      async () => {
        const hit = await this.#sdk.get(key);
        if (hit === null) this.#context.coverage.hit('read-absent');
        return { status: 'ok', value: hit?.value ?? null, revision: hit?.revision ?? 0 };
      },
      null,
    );
  }

  #look(write: LookingWrite): Promise<void> {
    const { key, value, ifAbsent, ifRevision } = write;
    return this.#observe(
      write.kind,
      key,
      async () => {
        const { revision, compareFailed, previous } = await this.#calls.look(write);
        if (compareFailed) this.#context.coverage.hit('compare-failed');
        const look = { ifAbsent, ifRevision, compareFailed, previous };
        return { status: 'ok', value, revision, look };
      },
      value,
      { ifAbsent, ifRevision },
    );
  }

  /** Runs an operation, writes it down and checks what it was told. */
  async #observe(
    kind: Observation['kind'],
    key: string,
    run: () => Promise<Seen>,
    value: string | null,
    wish?: Observation['wish'],
  ): Promise<void> {
    const { cluster, coverage, history, trace, number } = this.#context;
    const invokedMs = cluster.scheduler.nowMs;
    let seen: Seen;
    try {
      seen = await run();
      coverage.hit('ok');
    } catch (error) {
      const status = errorOf(error, coverage);
      seen = { status, value, revision: 0 };
    }
    const returnedMs = cluster.scheduler.nowMs;
    const asked = { client: number, kind, key, invokedMs, ...(wish === undefined ? {} : { wish }) };
    const op: Observation = { ...asked, returnedMs, ...seen };
    history.push(op);
    const there = op.look?.previous?.revision ?? 0;
    if (op.status === 'ok') this.#known.set(key, Math.max(1, op.revision, there));
    trace(
      `c${number} ${kind} ${key} ${op.value} ${op.status} ${op.revision} ${JSON.stringify(op.look)}`,
    );
    this.#check(op);
  }

  #check(op: Observation): void {
    const { truth, cluster } = this.#context;
    const place = { truth, partitionId: cluster.partitioning.partitionOf(op.key) };
    if (op.kind === 'get') {
      if (op.status === 'ok') checkRead(place, op);
    } else if (op.status === 'ok') {
      checkWrite(place, op);
    } else if (op.status === 'fail' && op.kind === 'put') {
      neverWritten(place, op);
    }
  }
}
