import { type LogFields, silentLogger } from '@dougdb/ports';
import { recordingMetrics, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { DougError } from '@dougdb/rpc-proto';
import { Facade, type FacadeMethod } from '../../src/proxy.js';
import { FakeNodes, type FakePartition } from './fake-nodes.js';

export interface FacadeBenchOptions {
  readonly nodes?: number;
  readonly partitions?: readonly FakePartition[];
  readonly seed?: number;
  readonly forge?: boolean;
  readonly mostWatches?: number;
  /** Addresses that the facade is told; default: those of all nodes. */
  readonly addresses?: readonly string[];
}

/** A whole facade on virtual time, between a test and nodes that the test decides about. */
export class FacadeBench {
  readonly scheduler = new SimScheduler();
  readonly clock = this.scheduler.clock();
  readonly nodes: FakeNodes;
  readonly facade: Facade;
  readonly metrics = recordingMetrics();
  readonly events: { readonly event: string; readonly fields: LogFields }[] = [];

  constructor(options: FacadeBenchOptions = {}) {
    const { seed = 1 } = options;
    this.nodes = new FakeNodes(this.scheduler, options.nodes, options.partitions);
    const note = (event: string, fields: LogFields = {}): void => {
      this.events.push({ event, fields });
    };
    this.facade = new Facade({
      nodes: options.addresses ?? this.nodes.addresses,
      transport: this.nodes,
      clock: this.clock,
      random: new SimRandom(seed),
      logger: { ...silentLogger, info: note, warn: note, error: note },
      metrics: this.metrics,
      version: '1.2.3',
      address: () => 'facade:4300',
      mostWatches: options.mostWatches,
      forgedMap: options.forge ? new SimRandom(`${seed}/forge`) : undefined,
    });
  }

  /** Starts the facade and waits until it is ready. */
  static async ready(options: FacadeBenchOptions = {}): Promise<FacadeBench> {
    const bench = new FacadeBench(options);
    bench.facade.start();
    await bench.until('ready', () => bench.facade.notReadyReason() === null);
    return bench;
  }

  async until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
    const endMs = this.scheduler.nowMs + limitMs;
    while (!holds()) {
      if (this.scheduler.nowMs > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      await this.scheduler.advance(1);
    }
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  unary(method: FacadeMethod, request: Uint8Array, timeoutMs = 5_000): Promise<Uint8Array> {
    return this.facade.unary(method, request, { deadlineMs: this.clock.monotonicMs() + timeoutMs });
  }

  fails(promise: Promise<unknown>): Promise<DougError> {
    return this.run(
      promise.then(
        () => Promise.reject(new Error('it did not fail')),
        (error: DougError) => error,
      ),
    );
  }
}
