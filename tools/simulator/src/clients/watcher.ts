import type { DougClient, Watch, WatchEvent } from '@dougdb/client/core';
import { DougError } from '@dougdb/rpc-proto';
import { connectClient } from '../sim-client.js';
import type { Change } from '../truth/partition-model.js';
import type { PartitionTruth } from '../truth/truth.js';
import type { Client, ClientContext, ClientKind } from './client.js';

/** Everything up to here is told after so long, when nothing is wrong. */
const IN_TIME_MS = 20_000;
const LOOK_MS = 50;

/** Watches a range over everything that happens: each change once, in order, none left out. */
export const watcher: ClientKind = async (context) => {
  const client = new Watcher(context, await connectClient(context.cluster, context.name));
  client.begin(undefined);
  return client;
};

/** How far the changes of one partition were told. */
interface Cursor {
  /** Everything up to this revision was told, or was before the watch. */
  revision: number;
  /** Of the next revision, keys up to this one were told as well; null: none. */
  key: string | null;
  /** Whether anything was told, or asked for: before that the watch may begin anywhere up to `revision`. */
  isExact: boolean;
}

class Watcher implements Client {
  readonly #context: ClientContext;
  readonly #sdk: DougClient;
  readonly #start: string;
  readonly #end: string;
  readonly #cursors = new Map<number, Cursor>();
  #watch: Watch<WatchEvent> | null = null;
  /** One more for each watch that was begun: what an older one still tells does not count. */
  #generation = 0;

  constructor(context: ClientContext, sdk: DougClient) {
    const { random, cluster } = context;
    this.#context = context;
    this.#sdk = sdk;
    const { keys } = cluster.partitioning;
    const isAll = random.chance(0.6);
    this.#start = isAll ? '' : random.pick(keys);
    this.#end = isAll || random.chance(0.5) ? '' : `${this.#start}~`;
  }

  /** @param from - a token to go on by; undefined: from now on */
  begin(from: string | undefined): void {
    const { cluster, truth, coverage } = this.#context;
    const generation = ++this.#generation;
    const range = from === undefined ? this.#range : {};
    if (from === undefined) this.#cursors.clear();
    else coverage.hit('watch-resumed');
    const watch = this.#sdk.watch({ ...range, previous: true, ...(from ? { from } : {}) });
    this.#watch = watch;
    watch.ready.then(
      () => {
        if (generation !== this.#generation || from !== undefined) return;
        // What is applied by now may be told or not, what comes from now on must be.
        for (const id of this.#partitionIds) this.#cursor(id, truth.partition(id).model.revision);
      },
      () => undefined,
    );
    this.#take(watch, generation).catch((error: unknown) => {
      truth.report('watch', `${String(error)} at ${cluster.scheduler.nowMs}`);
    });
  }

  /** Ends the watch now and then, and goes on by its token. */
  async act(): Promise<void> {
    const { random } = this.#context;
    const token = this.#watch?.token;
    if (token === undefined || !random.chance(0.3)) return;
    await this.#watch?.close();
    this.begin(token);
  }

  async conclude(): Promise<void> {
    const { cluster, truth } = this.#context;
    const endMs = cluster.scheduler.nowMs + IN_TIME_MS;
    for (;;) {
      const missing = this.#missing();
      if (missing === null) break;
      if (cluster.scheduler.nowMs >= endMs) {
        truth.report('watch-complete', missing);
        break;
      }
      await cluster.sleep(LOOK_MS);
    }
  }

  async close(): Promise<void> {
    this.#generation++;
    await this.#watch?.close();
    await this.#sdk.close();
  }

  get #range(): { readonly start?: string; readonly end?: string } {
    const [start, end] = [this.#start, this.#end];
    return { ...(start === '' ? {} : { start }), ...(end === '' ? {} : { end }) };
  }

  get #partitionIds(): number[] {
    const { partitions } = this.#context.cluster.partitioning;
    return Array.from({ length: partitions }, (_, n) => n + 2);
  }

  async #take(watch: Watch<WatchEvent>, generation: number): Promise<void> {
    const { coverage, truth } = this.#context;
    try {
      for await (const event of watch) {
        if (generation !== this.#generation) return;
        coverage.hit('watch-event');
        this.#check(event);
      }
    } catch (error) {
      if (generation !== this.#generation) return;
      if (!DougError.is(error)) throw error;
      const isEnd = error.reason === 'LAGGING' || error.reason === 'COMPACTED';
      if (!isEnd) truth.report('watch', `ended with ${error.reason}: ${error.message}`);
      this.begin(error.reason === 'COMPACTED' ? undefined : watch.token);
    }
  }

  #check(event: WatchEvent): void {
    const { truth, cluster } = this.#context;
    const partitionId = cluster.partitioning.partitionOf(event.key);
    const partition = truth.partition(partitionId);
    const cursor = this.#cursor(partitionId, partition.model.revision);
    const place = `${event.type} ${event.key} of revision ${event.revision}`;
    const change = partition.model.changes[event.revision]?.find(({ key }) => key === event.key);
    if (change === undefined || (change.value === null) !== (event.type === 'delete')) {
      truth.report('watch-true', `${place} is told and did not happen`);
      return;
    }
    const isNext =
      event.revision > cursor.revision &&
      !(event.revision === cursor.revision + 1 && cursor.key !== null && event.key <= cursor.key);
    if (cursor.isExact && !isNext) {
      truth.report('watch-once-in-order', `${place} is told behind ${JSON.stringify(cursor)}`);
    }
    const left = this.#firstLeftOut(partition, cursor, event);
    if (left !== null) truth.report('watch-complete', `${place} is told and ${left} is not`);
    if (event.type === 'put' && event.value !== change.value) {
      truth.report('watch-true', `${place} is told with ${event.value}, not ${change.value}`);
    }
    this.#checkPrevious(event, change, partition);
    cursor.revision = event.revision - 1;
    cursor.key = event.key;
    cursor.isExact = true;
  }

  #checkPrevious(event: WatchEvent, { previous }: Change, { model }: PartitionTruth): void {
    const told = event.previous ?? null;
    // What was before history, nobody has to know.
    if (told === null && previous !== null && previous.revision < model.historyFloor) return;
    if (told?.revision === previous?.revision) return;
    const [is, not] = [JSON.stringify(told), JSON.stringify(previous)];
    const place = `${event.key} of revision ${event.revision}`;
    this.#context.truth.report('watch-previous', `${place}: ${is}, not ${not}`);
  }

  /** The first change of the range between what was told and this one; null: there is none. */
  #firstLeftOut({ model }: PartitionTruth, cursor: Cursor, event: WatchEvent): string | null {
    for (let at = cursor.revision + 1; at <= event.revision; at++) {
      for (const { key } of model.changes[at] ?? []) {
        if (!this.#isWatched(key)) continue;
        if (at === cursor.revision + 1 && cursor.key !== null && key <= cursor.key) continue;
        if (at === event.revision && key >= event.key) continue;
        return `${key} of revision ${at}`;
      }
    }
    return null;
  }

  /** Something that should have been told by now; null: nothing. */
  #missing(): string | null {
    for (const id of this.#partitionIds) {
      const partition = this.#context.truth.partition(id);
      const { revision } = partition.model;
      const cursor = this.#cursors.get(id);
      if (cursor === undefined) return `the watch does not stand in partition ${id}`;
      const end = { key: '\uffff', revision } as WatchEvent;
      const left = this.#firstLeftOut(partition, cursor, end);
      if (left !== null) return `${left} of partition ${id} is not told`;
    }
    return null;
  }

  /** @param revision - where it begins if nothing was told yet */
  #cursor(partitionId: number, revision: number): Cursor {
    let cursor = this.#cursors.get(partitionId);
    if (cursor === undefined) {
      cursor = { revision, key: null, isExact: false };
      this.#cursors.set(partitionId, cursor);
    }
    return cursor;
  }

  #isWatched(key: string): boolean {
    return key >= this.#start && (this.#end === '' || key < this.#end);
  }
}
