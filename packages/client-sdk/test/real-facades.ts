import { type ClientPipeOutput, Facade, type FacadeMethod } from '@dougdb/facade/proxy';
import { type Clock, silentLogger } from '@dougdb/ports';
import { recordingMetrics, SimRandom, type SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import type { ClientTransport, PipeConnection, PipeEvents } from '../src/core.js';
import type { FakeCluster } from '../src/testing/index.js';

interface Running {
  facade: Facade;
  isUp: boolean;
  readonly breaks: Set<() => void>;
}

/** What a facade has for a stream in both directions. */
interface FacadeStream {
  received(request: Uint8Array): void;
  closed(): void;
}

/** Facades as they are shipped, between clients and a cluster in memory, on virtual time. */
export class RealFacades {
  readonly addresses: readonly string[];
  readonly #cluster: FakeCluster;
  readonly #clock: Clock;
  readonly #seed: string;
  readonly #maps: 'true' | 'forged';
  readonly #running = new Map<string, Running>();

  /** @param maps - 'forged': their maps are made wrong all the time */
  constructor(
    scheduler: SimScheduler,
    cluster: FakeCluster,
    count: number,
    seed: string,
    maps: 'true' | 'forged' = 'true',
  ) {
    this.#cluster = cluster;
    this.#clock = scheduler.clock();
    this.#seed = seed;
    this.#maps = maps;
    this.addresses = Array.from({ length: count }, (_, i) => `r${i + 1}:4300`);
    for (const address of this.addresses) this.#running.set(address, this.#start(address));
  }

  /** Resolves when all of them know the cluster. */
  async ready(scheduler: SimScheduler): Promise<void> {
    for (let i = 0; i < 5_000; i++) {
      const reasons = [...this.#running.values()].map(({ facade }) => facade.notReadyReason());
      if (reasons.every((reason) => reason === null)) return;
      await scheduler.advance(1);
    }
    throw new Error('facades are not ready');
  }

  /** The process dies: streams break, nothing connects. */
  kill(address: string): void {
    const running = this.#of(address);
    if (!running.isUp) return;
    running.isUp = false;
    for (const end of [...running.breaks]) end();
    // What it has sent to nodes stays there.
    void running.facade.close();
  }

  /** A new process with an empty map. */
  restart(address: string): void {
    if (!this.#of(address).isUp) this.#running.set(address, this.#start(address));
  }

  /** As SIGTERM: what is under way is answered, then the process ends. */
  async drain(address: string): Promise<void> {
    await this.#of(address).facade.drain(2_000);
    this.kill(address);
  }

  async close(): Promise<void> {
    for (const { facade } of this.#running.values()) await facade.close();
  }

  /** One client's way to the facades. */
  transport(): ClientTransport {
    const open = new Set<() => void>();
    return {
      unary: (address, path, request, timeoutMs, signal) =>
        this.#unary(address, path, request, timeoutMs, signal),
      openPipe: (address, events) =>
        this.#openStream(address, events, open, ({ facade }, output) => facade.openPipe(output)),
      openStream: (address, _path, events) =>
        this.#openStream(address, events, open, ({ facade }, output) => facade.openWatches(output)),
      stream: (address, _path, request, signal) => this.#scan(address, request, signal),
      close: () => {
        for (const end of [...open]) end();
      },
    };
  }

  #start(address: string): Running {
    const facade = new Facade({
      nodes: this.#cluster.endpoints,
      transport: this.#cluster.transport(),
      clock: this.#clock,
      random: new SimRandom(`${this.#seed} ${address}`),
      logger: silentLogger,
      metrics: recordingMetrics(),
      version: '0.0.0-test',
      address: () => address,
      forgedMap: this.#maps === 'forged' ? new SimRandom(`forge ${this.#seed}`) : undefined,
    });
    facade.start();
    return { facade, isUp: true, breaks: new Set() };
  }

  #of(address: string): Running {
    const running = this.#running.get(address);
    if (running === undefined) throw new Error(`no facade at ${address}`);
    return running;
  }

  async #unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    await this.#oneWay();
    const { facade, isUp } = this.#of(address);
    if (signal?.aborted) throw new DougError('ABORTED', 'cancelled', { outcome: 'NOT_APPLIED' });
    if (!isUp) throw new DougError('NO_LEADER', 'connection refused');
    const call = { deadlineMs: this.#clock.monotonicMs() + timeoutMs, signal };
    const answer = await facade.unary(path as FacadeMethod, request, call);
    await this.#oneWay();
    return answer;
  }

  #openStream(
    address: string,
    events: PipeEvents,
    open: Set<() => void>,
    begin: (running: Running, output: ClientPipeOutput) => FacadeStream,
  ): PipeConnection {
    const running = this.#of(address);
    let isOpen = true;
    const finish = (): boolean => {
      const was = isOpen;
      isOpen = false;
      running.breaks.delete(fail);
      open.delete(close);
      return was;
    };
    const fail = (): void => {
      if (!finish()) return;
      pipe.closed();
      events.closed(new DougError('IN_DOUBT', 'the stream broke'));
    };
    const close = (): void => {
      if (finish()) pipe.closed();
    };
    const pipe = begin(running, {
      queuedBytes: 0,
      send: (response) => {
        const copy = new Uint8Array(response);
        this.#later(() => isOpen && events.received(copy));
      },
      drained: () => {},
      fail,
    });
    running.breaks.add(fail);
    open.add(close);
    this.#later(() => {
      if (!isOpen) return;
      if (running.isUp) {
        events.opened();
        return;
      }
      finish();
      events.closed(new DougError('NO_LEADER', 'connection refused'));
    });
    return {
      send: (request) => {
        const copy = new Uint8Array(request);
        this.#later(() => isOpen && pipe.received(copy));
        return true;
      },
      close,
    };
  }

  async *#scan(address: string, request: Uint8Array, signal: AbortSignal) {
    await this.#oneWay();
    const { facade, isUp } = this.#of(address);
    if (!isUp) throw new DougError('NO_LEADER', 'connection refused');
    const chunks: Uint8Array[] = [];
    let wake = (): void => {};
    let done = false;
    let failure: unknown = null;
    const call = { deadlineMs: this.#clock.monotonicMs() + 60_000, signal };
    const output = {
      send: (chunk: Uint8Array): Promise<void> => {
        chunks.push(new Uint8Array(chunk));
        wake();
        return Promise.resolve();
      },
    };
    facade.scan(request, call, output).then(
      () => {
        done = true;
        wake();
      },
      (error: unknown) => {
        failure = error;
        wake();
      },
    );
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (failure !== null) throw failure;
      else if (done) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  #oneWay(): Promise<void> {
    return new Promise((resolve) => this.#later(resolve));
  }

  #later(run: () => void): void {
    this.#clock.setTimer(1, run);
  }
}
