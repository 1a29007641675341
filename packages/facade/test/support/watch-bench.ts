import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DougError, type WatchEvent, WatchEventType } from '@dougdb/rpc-proto';
import {
  clipped,
  decodeWatchToken,
  defaultBackoff,
  RangeWatch,
  Router,
  type WatchPlan,
  WatchStreams,
} from '../../src/index.js';
import { clusterId, FakeNodes, type FakePartition } from './fake-nodes.js';
import { FakeWatches } from './fake-watches.js';

export interface WatchBenchOptions {
  readonly nodes?: number;
  readonly partitions?: readonly FakePartition[];
  readonly seed?: number;
}

export interface BenchWatchOptions extends Partial<Omit<WatchPlan, 'start' | 'end' | 'from'>> {
  readonly start?: string;
  readonly end?: string;
  readonly token?: Uint8Array | undefined;
}

/** Watches on virtual time, of nodes that a test decides about. */
export class WatchBench {
  readonly scheduler = new SimScheduler();
  /** The client's own: what waits on it belongs to the client. */
  readonly clock = this.scheduler.clock();
  readonly nodes: FakeNodes;
  readonly watches: FakeWatches;
  readonly router: Router;
  readonly streams: WatchStreams;
  readonly random: SimRandom;

  constructor(options: WatchBenchOptions = {}) {
    this.nodes = new FakeNodes(this.scheduler, options.nodes, options.partitions);
    this.watches = new FakeWatches(this.nodes);
    this.random = new SimRandom(options.seed ?? 1);
    const { clock, random, nodes: transport } = this;
    const ports = { transport, clock, random };
    const settings = { endpoints: this.nodes.addresses, backoff: defaultBackoff, direct: true };
    this.router = new Router(ports, settings, {
      logTime: () => undefined,
      described: () => undefined,
    });
    this.streams = new WatchStreams({ ...ports, backoff: defaultBackoff });
  }

  /** A bench whose client has found the cluster. */
  static async connected(options: WatchBenchOptions = {}): Promise<WatchBench> {
    const bench = new WatchBench(options);
    await bench.scheduler.runWhilePending(bench.router.finder.connect(10_000, undefined));
    return bench;
  }

  watch(options: BenchWatchOptions = {}): BenchWatch {
    return new BenchWatch(this, options);
  }

  async until(what: string, holds: () => boolean, limitMs = 120_000): Promise<void> {
    const endMs = this.scheduler.nowMs + limitMs;
    while (!holds()) {
      if (this.scheduler.nowMs > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      await this.scheduler.advance(1);
    }
  }
}

/** A watch and whoever reads it. */
export class BenchWatch {
  readonly bench: WatchBench;
  readonly range: RangeWatch;
  readonly stop = new AbortController();
  /** As 'revision key=value', or 'revision key' of a delete. */
  readonly events: string[] = [];
  /** The token behind each event. */
  readonly tokens: Uint8Array[] = [];
  /** Tokens of marks. */
  readonly marks: Uint8Array[] = [];
  error: DougError | null = null;
  isCreated = false;
  /** Whether batches are taken as they come. */
  isReading = true;
  #resume: () => void = () => undefined;

  constructor(bench: WatchBench, options: BenchWatchOptions) {
    const { start = '', end = '', token, ...rest } = options;
    this.bench = bench;
    const { streams, router, clock, random } = bench;
    const from = new Uint8Array(Buffer.from(start));
    const to = new Uint8Array(Buffer.from(end));
    const plan: WatchPlan = {
      start: from,
      end: to,
      from:
        token === undefined ? null : clipped(decodeWatchToken(token, clusterId).pieces, from, to),
      fromRevision: 0,
      previous: false,
      noPuts: false,
      noDeletes: false,
      creditBytes: 1 << 20,
      ...rest,
    };
    const ports = { streams, router, clock, random, backoff: defaultBackoff };
    this.range = new RangeWatch(ports, plan, this.stop.signal);
    this.range.created.then(
      () => {
        this.isCreated = true;
      },
      () => undefined,
    );
    void this.#read();
  }

  /** Holds the reader up before the next batch, or lets it go on. */
  read(isReading: boolean): void {
    this.isReading = isReading;
    if (isReading) this.#resume();
  }

  /** Waits until it stands. */
  async created(): Promise<this> {
    await this.bench.until('created', () => this.isCreated);
    return this;
  }

  /** Waits for so many events. */
  async has(count: number): Promise<void> {
    await this.bench.until(`${count} events`, () => this.events.length >= count);
  }

  async failed(): Promise<DougError> {
    await this.bench.until('the end', () => this.error !== null);
    return this.error as DougError;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        while (!this.isReading) await new Promise<void>((resolve) => (this.#resume = resolve));
        const batch = await this.range.next();
        batch.events.forEach((event, at) => {
          this.events.push(textOf(event));
          this.tokens.push(batch.tokenAt(at));
        });
        if (batch.events.length === 0) this.marks.push(batch.token);
      }
    } catch (error) {
      this.error = DougError.from(error);
    }
  }
}

function textOf({ type, kv }: WatchEvent): string {
  const name = `${kv?.revision} ${Buffer.from(kv?.key ?? []).toString('latin1')}`;
  const isPut = type === WatchEventType.WATCH_EVENT_TYPE_PUT;
  return isPut ? `${name}=${Buffer.from(kv?.value ?? []).toString()}` : name;
}
