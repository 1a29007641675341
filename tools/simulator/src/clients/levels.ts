import { Consistency, DougError, GetRequest, GetResponse } from '@dougdb/rpc-proto';
import { explainSight } from '../checks/answers.js';
import type { PartitionTruth } from '../truth/truth.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { expected, RawCaller } from './raw-caller.js';

/** Clocks run up to 4 % too fast or too slow, and an age is told in whole milliseconds. */
const AGE_SLACK = 1.05;
const AGE_SLACK_MS = 2;

/** Reads of all levels at any member: each shows what it promises. */
export const levels: ClientKind = (context) => Promise.resolve(new Levels(context));

interface Level {
  readonly consistency: Consistency;
  readonly revision?: number;
  readonly maxAgeMs?: number;
}

interface Shown {
  readonly level: Level;
  readonly key: string;
  readonly invokedMs: number;
  /** When the answer left its member. */
  readonly leftMs: number;
  readonly answer: GetResponse;
}

class Levels implements Client {
  readonly #context: ClientContext;
  /** Goes to anybody. */
  readonly #caller: RawCaller;
  /** Stays with who is said to lead. */
  readonly #toLeader: RawCaller;

  constructor(context: ClientContext) {
    this.#context = context;
    const { cluster, random, name } = context;
    this.#caller = new RawCaller(cluster, random.fork('caller'), name);
    this.#toLeader = new RawCaller(cluster, random.fork('to-leader'), name);
  }

  async act(): Promise<void> {
    const { cluster, random, coverage } = this.#context;
    const base = random.pick(cluster.partitioning.keys);
    const level = this.#draw(this.#partition(base));
    const isLease = level.consistency === Consistency.CONSISTENCY_LEASE;
    // Others' keys lie in tables more often: a read that waits for a disk is the hard one.
    const key = isLease ? `${base}${random.pick(['', '.t0', `.s${random.int(20)}`])}` : base;
    const caller = isLease ? this.#toLeader : this.#caller;
    if (!isLease) caller.wander();
    const invokedMs = cluster.scheduler.nowMs;
    const { consistency, revision, maxAgeMs } = level;
    const get = GetRequest.fromPartial({
      ...{ key: encoder.encode(key), consistency },
      ...(revision === undefined ? {} : { revision }),
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    });
    try {
      const bytes = await caller.call('Get', GetRequest.encode(get).finish());
      const leftMs = cluster.network.leftMs(bytes);
      coverage.hit('ok');
      this.#check({ level, key, invokedMs, leftMs, answer: GetResponse.decode(bytes) });
    } catch (error) {
      if (!this.#isRefusal(error, level, key)) caller.follow(expected(error));
    }
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #draw({ model }: PartitionTruth): Level {
    const { cluster, random } = this.#context;
    const most = model.revision;
    const revision = random.pick([most, most + 1, 1 + random.int(most + 1)]);
    return random.pick<Level>([
      { consistency: Consistency.CONSISTENCY_LINEARIZABLE },
      { consistency: Consistency.CONSISTENCY_EVENTUAL },
      { consistency: Consistency.CONSISTENCY_BOUNDED, maxAgeMs: random.pick([20, 100, 300]) },
      { consistency: Consistency.CONSISTENCY_BOUNDED, maxAgeMs: random.pick([20, 100, 300]) },
      { consistency: Consistency.CONSISTENCY_AT_REVISION, revision: Math.max(1, revision) },
      ...(cluster.plan.leaseReads ? [LEASE, LEASE] : []),
    ]);
  }

  #check({ level, key, invokedMs, leftMs, answer: { kv, header } }: Shown): void {
    const { truth, coverage } = this.#context;
    const { model, acked } = this.#partition(key);
    const sight = kv ? { value: decoder.decode(kv.value), revision: kv.revision } : null;
    const see = (property: string, least: number, most: number): void => {
      const why = explainSight(model.versions, key, sight, least, most);
      if (why !== null) truth.report(property, why);
    };
    switch (header?.served) {
      case Consistency.CONSISTENCY_LINEARIZABLE:
        see('read-linearizable', acked.before(invokedMs), model.revision);
        break;
      case Consistency.CONSISTENCY_LEASE:
        coverage.hit('lease-read');
        see('lease-read-linearizable', acked.before(invokedMs), model.revision);
        this.#checkLease(key, header.term, leftMs);
        break;
      case Consistency.CONSISTENCY_BOUNDED: {
        coverage.hit('bounded-read');
        const boundMs = level.maxAgeMs ?? 0;
        if (header.ageMs > boundMs) truth.report('bounded-age', `${header.ageMs} > ${boundMs} ms`);
        const sinceMs = leftMs - boundMs * AGE_SLACK - AGE_SLACK_MS;
        see('bounded-read-fresh', acked.before(sinceMs), model.revision);
        break;
      }
      case Consistency.CONSISTENCY_AT_REVISION: {
        coverage.hit('revision-read');
        const revision = level.revision ?? 0;
        see('read-at-revision', revision, revision);
        break;
      }
      default:
        see('eventual-from-log', 0, model.revision);
    }
    if (served[level.consistency]?.includes(header?.served ?? 0) !== true) {
      truth.report('level-served', `${level.consistency} was served as ${header?.served}`);
    }
    acked.tell(this.#context.cluster.scheduler.nowMs, sight?.revision ?? 0);
  }

  /** INVARIANT(lease-checked-twice): what is told under a lease is told while nobody else can lead. */
  #checkLease(key: string, term: number, leftMs: number): void {
    const { truth } = this.#context;
    const later = this.#partition(key).termAfter(term);
    if (later === null || later.atMs >= leftMs) return;
    const when = `term ${later.term} began ${leftMs - later.atMs} ms before`;
    truth.report('lease-held-when-told', `${key} under a lease of term ${term}: ${when}`);
  }

  /** Whether it is one of the level itself. */
  #isRefusal(error: unknown, level: Level, key: string): boolean {
    const { truth, coverage } = this.#context;
    if (!DougError.is(error)) throw error;
    if (error.reason === 'COMPACTED') {
      const { historyFloor } = this.#partition(key).model;
      const revision = level.revision ?? 0;
      coverage.hit('compacted-refused');
      if (revision >= historyFloor) {
        truth.report('floor-by-log', `revision ${revision} refused at a floor of ${historyFloor}`);
      }
      return true;
    }
    return error.reason === 'FUTURE_REVISION';
  }

  #partition(key: string): PartitionTruth {
    const { truth, cluster } = this.#context;
    return truth.partition(cluster.partitioning.partitionOf(key));
  }
}

const LEASE: Level = { consistency: Consistency.CONSISTENCY_LEASE };

/** What a level may be served as. */
const served: Readonly<Record<number, readonly Consistency[]>> = {
  [Consistency.CONSISTENCY_LINEARIZABLE]: [Consistency.CONSISTENCY_LINEARIZABLE],
  [Consistency.CONSISTENCY_EVENTUAL]: [Consistency.CONSISTENCY_EVENTUAL],
  [Consistency.CONSISTENCY_BOUNDED]: [Consistency.CONSISTENCY_BOUNDED],
  [Consistency.CONSISTENCY_AT_REVISION]: [Consistency.CONSISTENCY_AT_REVISION],
  [Consistency.CONSISTENCY_LEASE]: [
    Consistency.CONSISTENCY_LEASE,
    Consistency.CONSISTENCY_LINEARIZABLE,
  ],
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();
